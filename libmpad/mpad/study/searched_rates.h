// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/study/rate_search.h>
#include <mpad/study/sweep_results.h>
#include <mpad/train/output_directory.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace mpad {

/// How the cells of a sweep get searched learning rates.
struct RateSearchOptions {
  std::int64_t trials = 10, epochs = 10;
  /// What to score on: a tenth of the training images, which the trials are then not trained on, or the test images,
  /// as the study did.
  enum class Select : unsigned char { held_out, test } select = Select::held_out;
};

const char* to_string(RateSearchOptions::Select select);

/// A search and what it is of. A cell's forward and backward are not part of it: one rate serves all of them.
struct SearchRow {
  CellName cell{};
  RateTrial trial{};
};

/// The text of search.csv, and what it was written from.
std::string to_csv(const std::vector<SearchRow>& rows);
std::vector<SearchRow> parse_searches(std::string_view text, const std::string& source);

/// Learning rates found by search, and their file, search.csv: each search is done when its rate is first asked for.
/// One that is killed or runs out of time goes on from the last complete epoch of each trial (unfinished_run.h).
class SearchedRates {
 public:
  static constexpr const char* file_name = "search.csv";

  /// With the searches that are in the directory. Throws Error if the file is damaged.
  SearchedRates(const OutputDirectory& directory, const RateSearchOptions& options);

  /// The rate for settings like these, of which lr and epochs are not read; none where may_go_on says, before an epoch,
  /// that there is no time for it. `data` is the whole data set, on the CPU. Throws Error if a training of the search's
  /// epochs cannot have the settings, or there are too few images to hold some out.
  std::optional<double> rate(const std::string& network, const Settings& settings, const ModelFactory& make_model,
                             const Split& data, const std::function<bool()>& may_go_on);

 private:
  std::vector<RateTrial> trials_of(const CellName& cell) const;
  std::vector<RateTrial> search(Settings settings, const ModelFactory& make_model, const Split& data,
                                const SearchHooks& hooks) const;

  const OutputDirectory* directory_;
  RateSearchOptions options_;
  std::vector<SearchRow> rows_{};
};

}  // namespace mpad
