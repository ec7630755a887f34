// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/study/drift.h>
#include <mpad/study/unfinished_run.h>

#include <algorithm>
#include <cmath>

namespace mpad {
namespace {

struct Replica {
  double beta;
  Settings settings;
  UnfinishedRun state;
  std::unique_ptr<Trainer> trainer{};
};

std::vector<Replica> replicas_of(const Drift& drift, const OutputDirectory& directory) {
  require(!drift.betas.empty(), "drift: expected a beta or more, got none");
  std::vector<double> betas = drift.betas;
  betas.push_back(betas.front());
  std::vector<Replica> replicas;
  for (const double beta : betas) {
    Settings settings = drift.settings;
    settings.ties = TieRule::beta(beta);
    check(settings);
    const UnfinishedRun state(
        directory, settings,
        {{"network", drift.network}, {"dataset", drift.data.train.name}, {"replica", std::to_string(replicas.size())}});
    replicas.push_back({beta, settings, state});
  }
  return replicas;
}

// Makes the trainers, as they were stopped; `epochs` have their rows. Returns the first epoch that a replica lacks.
std::int64_t start(std::vector<Replica>& replicas, const Drift& drift, std::int64_t epochs) {
  const Split there = drift.data.to(drift.settings.device);  // once for all replicas
  std::int64_t first = epochs;
  for (Replica& replica : replicas) {
    replica.trainer = std::make_unique<Trainer>(replica.settings, 0, drift.make_model, there);
    replica.state.restore(*replica.trainer);
    if (replica.trainer->finished()) continue;  // collapsed
    const std::int64_t done = std::ssize(replica.trainer->results());
    // Rows of an epoch are written before the states, one of which after the other.
    require(done == epochs || done + 1 == epochs,
            "drift: expected the states of replicas after {} epochs of {} bits, as there are in {}, got one after {}",
            epochs, precision_name(replica.settings), DriftResults::file_name, done);
    first = std::min(first, done);
  }
  return first;
}

struct Distance {
  double to_first = 0, of_first = 0;  // L1
};

Distance distance(const std::vector<Tensor>& first, const std::vector<Tensor>& other) {
  Distance sum;
  for (std::size_t tensor = 0; tensor < first.size(); ++tensor) {
    const std::vector<double> a = first[tensor].values(), b = other[tensor].values();
    for (std::size_t i = 0; i < a.size(); ++i) {
      sum.to_first += std::abs(b[i] - a[i]);
      sum.of_first += std::abs(a[i]);
    }
  }
  return sum;
}

// The replicas' states after an epoch.
std::vector<DriftRow> rows_of(const std::vector<Replica>& replicas, const Drift& drift, std::int64_t epoch) {
  std::vector<DriftRow> rows;
  for (const auto& [beta, settings, state, trainer] : replicas) {
    const EpochResult& last = trainer->results().back();
    const Distance apart = distance(replicas[0].trainer->optimizer().unrounded(), trainer->optimizer().unrounded());
    rows.push_back({.network = drift.network,
                    .dataset = drift.data.train.name,
                    .precision = precision_name(settings),
                    .replica = std::ssize(rows),
                    .beta = beta,
                    .epoch = epoch,
                    .distance = apart.to_first,
                    .relative_distance = apart.to_first / apart.of_first,
                    .test_accuracy = last.test.accuracy,
                    .train_loss = last.train.loss,
                    .collapsed = collapse_of(last)});
  }
  return rows;
}

// Trains the replicas that lack this epoch.
void run_epoch(const std::vector<Replica>& replicas, std::int64_t epoch) {
  for (const Replica& replica : replicas)
    if (!replica.trainer->finished() && std::ssize(replica.trainer->results()) == epoch) replica.trainer->run_epoch();
}

}  // namespace

bool measure_drift(const Drift& drift, const OutputDirectory& directory, DriftResults& results,
                   const DriftHooks& hooks) {
  std::vector<Replica> replicas = replicas_of(drift, directory);
  const std::int64_t epochs = drift.settings.epochs, done = results.epochs(precision_name(drift.settings));
  for (std::int64_t epoch = done < epochs ? start(replicas, drift, done) : epochs; epoch < epochs; ++epoch) {
    if (hooks.may_start && !hooks.may_start()) return false;
    run_epoch(replicas, epoch);
    const std::vector<DriftRow> rows = rows_of(replicas, drift, epoch);
    results.put(rows);
    if (hooks.after_epoch) hooks.after_epoch(rows);
    if (epoch + 1 < epochs)
      for (const Replica& replica : replicas) replica.state.save(*replica.trainer);
  }
  for (const Replica& replica : replicas) replica.state.remove();
  return true;
}

}  // namespace mpad
