// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/study/drift.h>
#include <mpad/train/csv.h>

#include <cmath>

namespace mpad {
namespace {

struct Replica {
  double beta;
  std::unique_ptr<Trainer> trainer;
};

std::vector<Replica> make_replicas(const Settings& settings, std::span<const double> betas,
                                   const ModelFactory& make_model, const Split& data) {
  require(!betas.empty(), "drift: expected a beta or more, got none");
  std::vector<double> all(betas.begin(), betas.end());
  all.push_back(betas.front());
  const Split there = data.to(settings.device);  // once for all replicas
  std::vector<Replica> replicas;
  for (const double beta : all) {
    Settings own = settings;
    own.ties = TieRule::beta(beta);
    check(own);
    replicas.push_back({beta, std::make_unique<Trainer>(own, 0, make_model, there)});
  }
  return replicas;
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

// The replica's last state as a row, without its number.
DriftRow row_of(const Replica& replica, const Replica& first) {
  const Trainer& trainer = *replica.trainer;
  const EpochResult& last = trainer.results().back();
  const Distance apart = distance(first.trainer->optimizer().unrounded(), trainer.optimizer().unrounded());
  return {.precision = precision_name(trainer.settings()),
          .beta = replica.beta,
          .distance = apart.to_first,
          .relative_distance = apart.to_first / apart.of_first,
          .test_accuracy = last.test.accuracy,
          .train_loss = last.train.loss,
          .collapsed = collapse_of(last)};
}

}  // namespace

std::vector<DriftRow> measure_drift(const Settings& settings, std::span<const double> betas,
                                    const ModelFactory& make_model, const Split& data,
                                    const AfterDriftEpoch& after_epoch) {
  const std::vector<Replica> replicas = make_replicas(settings, betas, make_model, data);
  std::vector<DriftRow> rows;
  for (std::int64_t epoch = 0; epoch < settings.epochs; ++epoch) {
    for (const Replica& replica : replicas)
      if (!replica.trainer->finished()) replica.trainer->run_epoch();
    for (std::size_t i = 0; i < replicas.size(); ++i) {
      rows.push_back(row_of(replicas[i], replicas[0]));
      rows.back().replica = static_cast<std::int64_t>(i);
      rows.back().epoch = epoch;
    }
    if (after_epoch) after_epoch(std::span(rows).last(replicas.size()));
  }
  return rows;
}

std::string to_csv(std::span<const DriftRow> rows, const std::string& network, const std::string& dataset) {
  std::string text =
      "network,dataset,bits,replica,rule,epoch,distance,relative_distance,test_accuracy,train_loss,collapsed\n";
  for (const DriftRow& r : rows)
    text += fmt::format("{},{},{},{},{},{},{},{},{},{},{}\n", network, dataset, r.precision, r.replica,
                        TieRule::beta(r.beta).name(), r.epoch, csv_text(r.distance), csv_text(r.relative_distance),
                        csv_text(r.test_accuracy), csv_text(r.train_loss), r.collapsed);
  return text;
}

}  // namespace mpad
