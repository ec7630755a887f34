// SPDX-License-Identifier: MIT
// What a drift yields: one row for each replica after each epoch.
#pragma once
#include <mpad/train/output_directory.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mpad {

/// One replica after one epoch. A replica that has collapsed learns no more; its rows go on with its last state.
struct DriftRow {
  std::string network{}, dataset{};
  std::string precision{};  ///< "16", "32", "64" or "mixed"
  std::int64_t replica = 0;
  double beta = 0;
  std::int64_t epoch = 0;                    ///< from 0
  double distance = 0;                       ///< L1, of all parameters to those of replica 0, in double
  double relative_distance = 0;              ///< over the L1 norm of replica 0's parameters
  double test_accuracy = 0, train_loss = 0;  ///< as in EpochResult
  std::string collapsed{};  ///< "step 12 at features.3 (MaxPool2d)": collapse_of the epoch; empty: not yet
};

/// The text of drift.csv.
std::string to_csv(std::span<const DriftRow> rows);
/// What to_csv wrote. `source` names the text in the Error thrown if it is anything else.
std::vector<DriftRow> parse_drift(std::string_view text, const std::string& source);

/// The rows of a drift and their file.
class DriftResults {
 public:
  static constexpr const char* file_name = "drift.csv";

  /// With the rows that are in the directory. Throws Error if its file is damaged.
  explicit DriftResults(const OutputDirectory& directory);

  /// How many epochs of a precision have their rows.
  std::int64_t epochs(std::string_view precision) const;
  /// Keeps the rows of all replicas after one epoch, in place of those that are there: after a crash, all of them are
  /// in drift.csv or none is.
  void put(std::span<const DriftRow> epoch);
  /// By precision, epoch, replica.
  const std::vector<DriftRow>& rows() const { return rows_; }

 private:
  const OutputDirectory* directory_;
  std::vector<DriftRow> rows_{};
};

}  // namespace mpad
