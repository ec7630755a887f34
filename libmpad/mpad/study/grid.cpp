// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/study/grid.h>

namespace mpad {
namespace {

BetaGroup group_of(const std::vector<double>& betas, Settings settings) {
  BetaGroup group;
  for (const double beta : betas) {
    settings.ties = TieRule::beta(beta);
    check(settings);
    group.push_back(settings);
  }
  return group;
}

}  // namespace

std::vector<BetaGroup> expand(const Grid& grid, const Settings& base) {
  std::vector<BetaGroup> groups;
  Settings s = base;
  for (const auto& [dtype, mixed] : grid.precisions)
    for (const OptimizerKind optimizer : grid.optimizers)
      for (const bool batch_norm : grid.batch_norms)
        for (const PoolForward forward : grid.forwards)
          for (const PoolBackward backward : grid.backwards) {
            s.dtype = dtype;
            s.mixed = mixed;
            s.optimizer = optimizer;
            s.batch_norm = batch_norm;
            s.pool_forward = forward;
            s.pool_backward = backward;
            groups.push_back(group_of(grid.betas, s));
          }
  require(!groups.empty() && !grid.betas.empty(), "grid: expected a value or more in each list, got an empty list");
  return groups;
}

}  // namespace mpad
