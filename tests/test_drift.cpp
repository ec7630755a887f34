// SPDX-License-Identifier: MIT
#include "training_support.h"

#include <mpad/study/drift.h>

using namespace mpad;
using test::make_small;
using test::spots_split;

namespace {

Settings drifting(DType dtype = DType::f32) {
  Settings settings = test::spots_settings();
  settings.dtype = dtype;
  settings.epochs = 2;
  return settings;
}

// A network whose first convolution is 1 everywhere, so that all its pool's windows are ties of different patches.
std::unique_ptr<Module> make_tied(const Settings& settings) {
  std::unique_ptr<Module> network = make_small(settings);
  const std::vector<NamedTensor> trained = parameters(*network);
  trained[0].tensor.fill(0);
  trained[1].tensor.fill(1);
  return network;
}

std::vector<DriftRow> drift(const Settings& settings, const std::vector<double>& betas,
                            const ModelFactory& make_model = make_tied) {
  return measure_drift(settings, betas, make_model, spots_split());
}

}  // namespace

TEST_CASE("the second replica of a rule stays at distance 0 of the first in every precision") {
  for (const DType dtype : test::real_dtypes) {
    const std::vector<DriftRow> rows = drift(drifting(dtype), {0, 1});
    REQUIRE(rows.size() == 6);  // 3 replicas, 2 epochs
    for (const DriftRow& row : rows) {
      CAPTURE(dtype, row.replica, row.epoch);
      CHECK((row.distance == 0) == (row.replica != 1));
      CHECK((row.relative_distance == 0) == (row.replica != 1));
      CHECK(row.collapsed.empty());
    }
  }
}

TEST_CASE("the replicas of mixed precision are told apart by their masters") {
  Settings settings = drifting(DType::f16);
  settings.mixed = true;
  const std::vector<DriftRow> rows = drift(settings, {0, 1});
  CHECK(rows[0].precision == "mixed");
  CHECK(rows[1].distance > 0);
  CHECK(rows[2].distance == 0);
}

TEST_CASE("rows come by epoch, then replica, and are told of as they come") {
  std::vector<std::size_t> told;
  const Settings settings = drifting();
  const std::vector<double> betas{0, 10, 100};
  const std::vector<DriftRow> rows =
      measure_drift(settings, betas, make_small, spots_split(),
                    [&](std::span<const DriftRow> epoch) { told.push_back(epoch.size()); });
  CHECK(told == std::vector<std::size_t>{4, 4});
  REQUIRE(rows.size() == 8);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    CHECK(rows[i].epoch == static_cast<std::int64_t>(i / 4));
    CHECK(rows[i].replica == static_cast<std::int64_t>(i % 4));
    CHECK(rows[i].beta == (std::vector<double>{0, 10, 100, 0})[i % 4]);
  }
}

TEST_CASE("a replica's distance is the L1 norm of the difference of what is trained") {
  Settings settings = drifting();
  const std::vector<DriftRow> rows = drift(settings, {0, 3});
  std::vector<std::unique_ptr<Trainer>> trainers;
  for (const double beta : {0.0, 3.0}) {
    settings.ties = TieRule::beta(beta);
    trainers.push_back(std::make_unique<Trainer>(settings, 0, make_tied, spots_split()));
    trainers.back()->run_epoch();
  }
  double distance = 0, norm = 0;
  const auto first = parameters(trainers[0]->model()), other = parameters(trainers[1]->model());
  for (std::size_t i = 0; i < first.size(); ++i) {
    const std::vector<double> a = first[i].tensor.values(), b = other[i].tensor.values();
    for (std::size_t k = 0; k < a.size(); ++k) {
      distance += std::abs(b[k] - a[k]);
      norm += std::abs(a[k]);
    }
  }
  CHECK(distance > 0);
  CHECK(rows[1].distance == distance);
  CHECK(rows[1].relative_distance == distance / norm);
  CHECK(rows[1].test_accuracy == trainers[1]->results()[0].test.accuracy);
  CHECK(rows[1].train_loss == trainers[1]->results()[0].train.loss);
}

TEST_CASE("a replica that collapses keeps its rows and says where it did") {
  Settings settings = drifting(DType::f16);
  settings.pool_forward = PoolForward::composed;  // 1e6 is infinite in half
  const std::vector<DriftRow> rows = drift(settings, {0, 1e6}, make_small);
  REQUIRE(rows.size() == 6);
  for (const DriftRow& row : rows) {
    CHECK(row.collapsed == (row.replica == 1 ? "step 1 at 2 (MaxPool2d)" : ""));
    CHECK(std::isnan(row.distance) == (row.replica == 1));
  }
  CHECK(to_csv(std::span(rows).subspan(1, 1), "small", "spots").find(",beta:1000000,0,nan,nan,") != std::string::npos);
}

TEST_CASE("drift.csv has a row for each replica and epoch, in numbers that read back") {
  const std::vector<DriftRow> rows{{.precision = "64",
                                    .replica = 6,
                                    .beta = 0,
                                    .epoch = 2,
                                    .distance = 0.1,
                                    .relative_distance = 1e-17,
                                    .test_accuracy = 0.5,
                                    .train_loss = 2,
                                    .collapsed = "step 3 at 2 (MaxPool2d)"}};
  CHECK(to_csv(rows, "vgg11", "cifar10") ==
        "network,dataset,bits,replica,rule,epoch,distance,relative_distance,test_accuracy,train_loss,collapsed\n"
        "vgg11,cifar10,64,6,beta:0,2,0.1,1e-17,0.5,2,step 3 at 2 (MaxPool2d)\n");
}

TEST_CASE("a drift without a beta is an error") {
  CHECK_THROWS_WITH(drift(drifting(), {}), "drift: expected a beta or more, got none");
}
