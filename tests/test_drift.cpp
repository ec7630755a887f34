// SPDX-License-Identifier: MIT
#include "temporary.h"
#include "training_support.h"

#include <mpad/study/drift.h>
#include <mpad/study/unfinished_run.h>
#include <mpad/train/atomic_file.h>

using namespace mpad;
using test::Killed;
using test::Killer;
using test::make_small;
using test::spots_split;
using test::TemporaryDirectory;
using Names = std::vector<std::string>;

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

Drift make_drift(const Settings& settings, const std::vector<double>& betas,
                 const ModelFactory& make_model = make_tied) {
  return {.network = "small", .make_model = make_model, .data = spots_split(), .settings = settings, .betas = betas};
}

OutputDirectory open(const std::string& path) {
  return OutputDirectory({.directory = path, .existing = Existing::resume}, {}, [](std::string_view name) {
    return name == DriftResults::file_name || is_unfinished_run(name);
  });
}

std::vector<DriftRow> drift(const Settings& settings, const std::vector<double>& betas,
                            const ModelFactory& make_model = make_tied) {
  const OutputDirectory nothing_kept = open("");
  DriftResults results(nothing_kept);
  const bool complete = measure_drift(make_drift(settings, betas, make_model), nothing_kept, results);
  CHECK(complete);
  return results.rows();
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
  const OutputDirectory nothing_kept = open("");
  DriftResults results(nothing_kept);
  const auto tell = [&](std::span<const DriftRow> epoch) { told.push_back(epoch.size()); };
  measure_drift(make_drift(settings, betas, make_small), nothing_kept, results, {.after_epoch = tell});
  const std::vector<DriftRow>& rows = results.rows();
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
  CHECK(to_csv(std::span(rows).subspan(1, 1)).find("small,spots,16,1,beta:1000000,0,nan,nan,") != std::string::npos);
}

TEST_CASE("drift.csv has a row for each replica and epoch, in numbers that read back") {
  const std::vector<DriftRow> rows{{.network = "vgg11",
                                    .dataset = "cifar10",
                                    .precision = "64",
                                    .replica = 6,
                                    .beta = 0,
                                    .epoch = 2,
                                    .distance = 0.1,
                                    .relative_distance = 1e-17,
                                    .test_accuracy = 0.5,
                                    .train_loss = 2,
                                    .collapsed = "step 3 at 2 (MaxPool2d)"}};
  const std::string text =
      "network,dataset,bits,replica,rule,epoch,distance,relative_distance,test_accuracy,train_loss,collapsed\n"
      "vgg11,cifar10,64,6,beta:0,2,0.1,1e-17,0.5,2,step 3 at 2 (MaxPool2d)\n";
  CHECK(to_csv(rows) == text);
  CHECK(to_csv(parse_drift(text, "drift.csv")) == text);
}

TEST_CASE("rows that no drift wrote are refused by the name of their file") {
  const auto parse = [](const std::string& rule, const std::string& epoch) {
    return parse_drift(to_csv(std::vector<DriftRow>{}) + "small,spots,32,0," + rule + "," + epoch + ",0,0,0.5,1,\n",
                       "drift.csv");
  };
  CHECK(parse("beta:10", "2").at(0).beta == 10);
  CHECK_THROWS_WITH(parse("beta:10", "two"), "drift.csv: expected a number, got 'two'");
  CHECK_THROWS_WITH(parse("beta:ten", "2"), "drift.csv: ties: expected a number after 'beta:', got 'ten'");
  CHECK_THROWS_WITH(parse("bet:10", "2"), Catch::Matchers::StartsWith("drift.csv: ties: expected native, last, "));
  CHECK_THROWS_WITH(parse("last", "2"), Catch::Matchers::StartsWith("drift.csv: ties: expected a rule of the beta"));
}

TEST_CASE("a drift that is killed at any moment goes on to the same rows") {
  for (const double largest : {10.0, 1e6}) {  // the second collapses
    Settings settings = drifting(DType::f16);
    settings.pool_forward = PoolForward::composed;
    settings.epochs = 3;
    const Drift drift = make_drift(settings, {0, largest}, make_small);
    const TemporaryDirectory whole;
    const OutputDirectory at_once = open(whole.path());
    DriftResults expected(at_once);
    CHECK(measure_drift(drift, at_once, expected));
    CHECK(whole.list() == Names{"drift.csv", "run.json"});
    int kills = 0;
    for (int pass = 0; pass < 60; pass += 7) {
      const TemporaryDirectory parts;
      const OutputDirectory in_parts = open(parts.path());
      try {
        const Killer killer(pass);
        DriftResults results(in_parts);
        measure_drift(drift, in_parts, results);
      } catch (const Killed&) {
        ++kills;
      }
      DriftResults resumed(in_parts);
      CHECK(measure_drift(drift, in_parts, resumed));
      CAPTURE(largest, pass);
      CHECK(to_csv(resumed.rows()) == to_csv(expected.rows()));
      CHECK(parts.list() == whole.list());
      CHECK(read_file(in_parts.file("drift.csv")) == to_csv(expected.rows()));
    }
    CHECK(kills > 5);
  }
}

TEST_CASE("a drift that is killed while it keeps its replicas goes on with those that lack an epoch") {
  Settings settings = drifting();
  settings.epochs = 3;
  const Drift drift = make_drift(settings, {0, 1});
  const TemporaryDirectory whole, parts;
  const OutputDirectory at_once = open(whole.path()), in_parts = open(parts.path());
  DriftResults expected(at_once), results(in_parts);
  measure_drift(drift, at_once, expected);
  struct Saved {
    std::string name, data;
  };
  std::vector<Saved> first;  // the states after the first epoch
  int epochs = 0;
  const auto may_start = [&] {
    if (++epochs == 2)
      for (const std::string& name : parts.list())
        if (is_unfinished_run(name)) first.push_back({name, read_file(in_parts.file(name))});
    return epochs < 3;
  };
  CHECK_FALSE(measure_drift(drift, in_parts, results, {.may_start = may_start}));
  REQUIRE(first.size() == 3);
  in_parts.write(first[1].name, first[1].data);  // as if the second one's had not been written yet
  DriftResults resumed(in_parts);
  REQUIRE(resumed.rows().size() == 6);
  CHECK(measure_drift(drift, in_parts, resumed));
  CHECK(to_csv(resumed.rows()) == to_csv(expected.rows()));

  for (const auto& [name, data] : first) in_parts.write(name, data);  // two epochs behind
  CHECK(measure_drift(drift, in_parts, resumed));                     // nothing is left to do
  CHECK(parts.list() == whole.list());
}

TEST_CASE("states of replicas that do not belong to the rows are an error") {
  Settings settings = drifting();
  settings.epochs = 4;
  const Drift drift = make_drift(settings, {0});
  const TemporaryDirectory directory;
  const OutputDirectory output = open(directory.path());
  DriftResults results(output);
  int epochs = 0;
  CHECK_FALSE(measure_drift(drift, output, results, {.may_start = [&] { return ++epochs < 4; }}));
  output.remove("drift.csv");
  DriftResults lost(output);
  CHECK_THROWS_WITH(measure_drift(drift, output, lost),
                    "drift: expected the states of replicas after 0 epochs of 32 bits, as there are in drift.csv, got "
                    "one after 3");
}

TEST_CASE("a drift without a beta is an error") {
  CHECK_THROWS_WITH(drift(drifting(), {}), "drift: expected a beta or more, got none");
}
