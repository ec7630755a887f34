// SPDX-License-Identifier: MIT
// Trainings over a grid of settings (Boustany, TMLR 2024, section 6), and the factorial of forward and backward that
// separates the causes of a collapse.
#pragma once
#include <mpad/study/grid.h>
#include <mpad/study/sweep_results.h>
#include <mpad/train/trainer.h>

#include <functional>
#include <optional>
#include <span>
#include <string>

namespace mpad {

/// The cells of one network.
struct Sweep {
  std::string network{};  ///< its name in the results
  ModelFactory make_model{};
  Split data{};  ///< on the device of the settings
  std::vector<BetaGroup> groups{};
  std::int64_t runs = 1;  ///< of each cell
};

/// What a sweep asks and tells while it goes.
struct SweepHooks {
  /// The learning rate of a cell of this group, before its first run; none where there is no time to find it.
  std::function<std::optional<double>(const BetaGroup& group, const Settings& cell)> rate{};
  /// Whether there is time for one more run.
  std::function<bool()> may_start{};
  std::function<void(const SweepRow& row)> after_run{};
};

/// Trains what is not in the results yet: group by group, in each group run 0 of all betas, then run 1, and so on.
/// After each run, the noise of its network's pools is measured on the first mini-batch of the test images. A run that
/// is killed is continued from its last complete epoch, if the directory keeps results. Returns whether all runs are
/// done.
bool run_sweep(const Sweep& sweep, const OutputDirectory& directory, SweepResults& results, const SweepHooks& hooks);

}  // namespace mpad
