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
  std::int64_t runs = 1;      ///< of each cell
  std::int64_t parallel = 1;  ///< runs at work at once (run_at_once.h), with the same bits
};

/// What a sweep asks and tells while it goes: rates and times by one thread at a time, and what is done by one too.
struct SweepHooks {
  /// The learning rate of a cell of this group, before each of its runs; none where may_go_on, to be asked before each
  /// epoch of a search, says that there is no time to find it.
  std::function<std::optional<double>(const BetaGroup& group, const Settings& cell,
                                      const std::function<bool()>& may_go_on)>
      rate{};
  /// Whether there is time for one more run.
  std::function<bool()> may_start{};
  std::function<void(const SweepRow& row)> after_run{};
};

/// Trains what is not in the results yet: group by group, in each group run 0 of all betas, then run 1, and so on.
/// After each run, the noise of its network's pools is measured on the first mini-batch of the test images. A run that
/// is killed is continued from its last complete epoch, if the directory keeps results. New rows follow those that are
/// there, in this order, whichever of several runs at once ends first. Returns whether all runs are done.
bool run_sweep(const Sweep& sweep, const OutputDirectory& directory, SweepResults& results, const SweepHooks& hooks);

}  // namespace mpad
