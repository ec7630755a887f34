// SPDX-License-Identifier: MIT
// What thresholds yields, kept draw by draw.
#pragma once
#include <mpad/study/threshold_tables.h>
#include <mpad/train/output_directory.h>

#include <functional>
#include <string>
#include <vector>

namespace mpad {

/// The differences of precisions that are measured one after the other, and the files that follow from them.
class ThresholdResults {
 public:
  static constexpr const char *differences_name = "differences.csv", *thresholds_name = "thresholds.csv",
                              *histogram_name = "histogram.csv";

  /// With the differences that are in the directory; names are for the tables. Throws Error if its file is damaged.
  ThresholdResults(const OutputDirectory& directory, std::string network, std::string dataset);

  /// How many draws of a precision are there.
  std::int64_t draws(DType dtype) const;
  /// Keeps the differences of the next draw: after a crash, all of them are in differences.csv or none is. The other
  /// files are of all draws so far.
  void put(const std::vector<Difference>& draw);
  /// By precision, draw.
  const std::vector<Difference>& differences() const { return differences_; }

 private:
  const OutputDirectory* directory_;
  std::string network_, dataset_;
  std::vector<Difference> differences_{};
};

/// Measures differences in the plan's precision on the draws that the results lack, while there is time for one more.
/// Returns whether all are there.
bool measure_differences(ThresholdResults& results, const PairPlan& plan, const ModelFactory& make_model,
                         const Dataset& dataset, VectorNorm norm, const std::function<bool()>& may_start);

}  // namespace mpad
