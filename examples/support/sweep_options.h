// SPDX-License-Identifier: MIT
#pragma once
#include "command_line.h"
#include "study_options.h"

#include <mpad/study/grid.h>
#include <mpad/study/searched_rates.h>

#include <optional>
#include <string>
#include <vector>

namespace mpad {

/// A command line of the program sweep.
class SweepOptions {
 public:
  void add(CommandLine& line);
  void finish(const std::string& command);

  /// The learning rate of a cell where none is searched: the one asked for, or that of the network's trainer.
  double fixed_rate(const Network& network, const Settings& cell) const;
  /// What results depend on that their rows do not say: a sweep may be resumed with another grid on the same data sets.
  /// `images` are those of each network; names of values begin with their data set's, but for the first one's.
  std::vector<NamedValue> context(const std::vector<Split>& images) const;

  StudyOptions study{};
  Grid grid{};
  Settings settings{.epochs = 10};  ///< what all cells have in common
  std::int64_t runs = 1;
  std::int64_t search_trials = 0;  ///< 0: there is no search
  bool one_rate = true;            ///< searched for the first beta, used for all
  RateSearchOptions search{};

 private:
  void add_grid(CommandLine& line);
  void add_rates(CommandLine& line);
  void read_grid();
  void read_rates();
  void read_search();
  void check_search() const;

  std::string bits_ = "32", optimizers_ = "sgd", batch_norms_ = "off", betas_ = "0,1,10,100,1e3,1e4",
              forwards_ = "exact", backwards_ = "fused";
  std::optional<double> lr_{};
  // Of a search; empty: not on the command line.
  std::string rate_for_{}, select_{};
  std::optional<std::int64_t> search_epochs_{};
};

}  // namespace mpad
