// SPDX-License-Identifier: MIT
// How far networks drift apart that differ in nothing but the tie rule of their pools (Boustany, TMLR 2024, section 5).
#pragma once
#include <mpad/train/trainer.h>

#include <functional>
#include <span>
#include <string>
#include <vector>

namespace mpad {

/// One replica after one epoch. A replica that has collapsed learns no more; its rows go on with its last state.
struct DriftRow {
  std::string precision;  ///< "16", "32", "64" or "mixed"
  std::int64_t replica = 0;
  double beta = 0;
  std::int64_t epoch = 0;                    ///< from 0
  double distance = 0;                       ///< L1, of all parameters to those of replica 0, in double
  double relative_distance = 0;              ///< over the L1 norm of replica 0's parameters
  double test_accuracy = 0, train_loss = 0;  ///< as in EpochResult
  std::string collapsed{};  ///< "step 12 at features.3 (MaxPool2d)": collapse_of the epoch; empty: not yet
};

/// Told of the rows of each epoch.
using AfterDriftEpoch = std::function<void(std::span<const DriftRow> rows)>;

/// Trains one replica for each beta, with the tie rule beta:B, and one more for the first of them; all start from the
/// same weights and see the same mini-batches (those of run 0 of the settings, whose own tie rule is not read). They
/// are trained epoch by epoch side by side, so that memory grows with the number of replicas and not with the epochs.
/// Rows come by epoch, then replica. Throws Error if there is no beta.
std::vector<DriftRow> measure_drift(const Settings& settings, std::span<const double> betas,
                                    const ModelFactory& make_model, const Split& data,
                                    const AfterDriftEpoch& after_epoch = {});

/// The text of drift.csv, with these names of network and data set.
std::string to_csv(std::span<const DriftRow> rows, const std::string& network, const std::string& dataset);

}  // namespace mpad
