// SPDX-License-Identifier: MIT
#include <mpad/study/threshold_results.h>
#include <mpad/train/atomic_file.h>

#include <algorithm>
#include <utility>

namespace mpad {

ThresholdResults::ThresholdResults(const OutputDirectory& directory, std::string network, std::string dataset)
    : directory_(&directory), network_(std::move(network)), dataset_(std::move(dataset)) {
  if (!directory.has(differences_name)) return;
  const std::string file = directory.file(differences_name);
  differences_ = parse_differences(read_file(file), file);
}

std::int64_t ThresholdResults::draws(DType dtype) const {
  std::int64_t draws = 0;
  for (const Difference& d : differences_)
    if (d.dtype == dtype) draws = std::max(draws, d.index.draw + 1);
  return draws;
}

void ThresholdResults::put(const std::vector<Difference>& draw) {
  differences_.insert(differences_.end(), draw.begin(), draw.end());
  // Last the file that says which draws are there.
  directory_->write(histogram_name, histogram_csv(differences_));
  directory_->write(thresholds_name, thresholds_csv(thresholds_of(differences_)));
  directory_->write(differences_name, differences_csv(network_, dataset_, differences_));
}

bool measure_differences(ThresholdResults& results, const PairPlan& plan, const ModelFactory& make_model,
                         const Dataset& dataset, VectorNorm norm, const std::function<bool()>& may_start) {
  for (std::int64_t draw = results.draws(plan.settings.dtype); draw < plan.draws; ++draw) {
    if (!may_start()) return false;
    results.put(differences(plan, draw, make_model, dataset, norm));
  }
  return true;
}

}  // namespace mpad
