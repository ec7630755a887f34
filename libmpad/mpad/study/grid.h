// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/train/settings.h>

#include <vector>

namespace mpad {

/// The trainings of a sweep: every combination of these values.
struct Grid {
  std::vector<Precision> precisions{{}};
  std::vector<OptimizerKind> optimizers{OptimizerKind::sgd};
  std::vector<bool> batch_norms{false};
  std::vector<PoolForward> forwards{PoolForward::exact};
  std::vector<PoolBackward> backwards{PoolBackward::fused};
  std::vector<double> betas{0};  ///< of the tie rules beta:B
};

/// Settings that differ in nothing but beta, in the order of the grid's betas.
using BetaGroup = std::vector<Settings>;

/// The grid's settings, all else as in `base`: a group for each combination of the other values, precisions outermost,
/// backwards innermost. Throws Error if settings contradict each other or a list is empty.
std::vector<BetaGroup> expand(const Grid& grid, const Settings& base);

}  // namespace mpad
