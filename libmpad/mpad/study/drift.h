// SPDX-License-Identifier: MIT
// How far networks drift apart that differ in nothing but the tie rule of their pools (Boustany, TMLR 2024, section 5).
#pragma once
#include <mpad/study/drift_results.h>
#include <mpad/train/trainer.h>

#include <functional>
#include <span>
#include <string>
#include <vector>

namespace mpad {

/// The replicas of one network in one precision.
struct Drift {
  std::string network{};  ///< its name in the results
  ModelFactory make_model{};
  Split data{};
  Settings settings{};          ///< of all replicas, but for the tie rule
  std::vector<double> betas{};  ///< of their tie rules beta:B; one more replica has the first of them again
};

/// What a drift asks and tells while it goes.
struct DriftHooks {
  /// Whether there is time for one more epoch; asked if it is there.
  std::function<bool()> may_start{};
  std::function<void(std::span<const DriftRow> epoch)> after_epoch{};
};

/// Trains one replica for each beta, and one more for the first of them; all start from the same weights and see the
/// same mini-batches (those of run 0 of the settings). They are trained epoch by epoch side by side, so that memory
/// grows with the number of replicas and not with the epochs. Goes on behind the rows that are in the results; one that
/// was killed continues from its last complete epoch, to the same bits, if the directory keeps results. Returns whether
/// all epochs are done. Throws Error if there is no beta, or if states of replicas are not those that belong to the
/// rows.
bool measure_drift(const Drift& drift, const OutputDirectory& directory, DriftResults& results,
                   const DriftHooks& hooks = {});

}  // namespace mpad
