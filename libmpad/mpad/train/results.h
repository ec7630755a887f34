// SPDX-License-Identifier: MIT
// What a training yields: one row for each epoch of each run.
#pragma once
#include <mpad/train/settings.h>

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mpad {

/// Mean loss and share of right answers over a data set.
struct Score {
  double loss = 0, accuracy = 0;
};

/// One epoch, or the part of it before the run collapsed. The training score is the mean over the epoch's mini-batches,
/// each scored before its step and weighted by its size; the test score is that of the network after the epoch.
struct EpochResult {
  std::int64_t run = 0, epoch = 0;  ///< from 0
  Score train{}, test{};
  double seconds = 0;        ///< wall time of training and testing
  double train_seconds = 0;  ///< of training alone, in this process; not kept in files
  std::int64_t images = 0;   ///< trained on, in this process; not kept in files
  /// "step 12 at features.3 (MaxPool2d)": where the loss was not finite, in the run's last epoch; empty in all others.
  std::string collapsed{};
};

/// Where a run was lost, by this epoch: `collapsed`, or "the test of epoch 3" (counted from 1) where the test loss is
/// not finite; else empty.
std::string collapse_of(const EpochResult& result);

/// The text of results.csv: a header line and one row for each result. Numbers read back to the same bits.
std::string to_csv(std::span<const EpochResult> results, const Settings& settings);

/// The results that to_csv wrote. `source` names the text in the Error thrown if it is anything else.
std::vector<EpochResult> parse_csv(std::string_view text, const std::string& source);

struct MeanDeviation {
  double mean = 0, deviation = 0;
};
/// Mean and standard deviation (of a sample) of one value or more; one deviates by 0.
MeanDeviation mean_and_deviation(std::span<const double> values);

/// The last epochs of several runs.
struct Summary {
  std::int64_t runs = 0;
  double mean = 0, deviation = 0;  ///< of the final test accuracy; 0 deviation for one run
  std::int64_t collapsed = 0;      ///< runs that did, or whose final test loss is not finite
};

/// Summary of the results of each run's last epoch.
Summary summarize(std::span<const EpochResult> results);

}  // namespace mpad
