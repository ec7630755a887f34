// SPDX-License-Identifier: MIT
// Pairs of weights and mini-batch: which there are, what is counted of them, the tables, and how they are resumed.
#include "experiment_support.h"

#include <mpad/core/half.h>
#include <mpad/nn/init.h>
#include <mpad/study/zone_results.h>
#include <mpad/train/atomic_file.h>
#include <mpad/train/weights.h>

#include <cmath>
#include <limits>

using namespace mpad;
using namespace mpad::test;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;

namespace {

PairPlan plan_of(std::int64_t draws, std::int64_t batches, std::int64_t batch_size = 8) {
  PairPlan plan{.draws = draws, .batches = batches};
  plan.settings = spots_settings();
  plan.settings.batch_size = batch_size;
  return plan;
}

std::vector<std::pair<std::int64_t, std::int64_t>> indices(const PairPlan& plan) {
  std::vector<std::pair<std::int64_t, std::int64_t>> found;
  for (const PairIndex& pair : pairs_of(plan, spots(50, 1))) found.emplace_back(pair.draw, pair.batch);
  return found;
}

ZoneCell cell_of(DType dtype) {
  ZoneCell cell{.network = "small",
                .dataset = "spots",
                .plan = plan_of(2, 3),
                .first = parse_program("--first", "native"),
                .second = parse_program("--second", "minimal"),
                .thresholds = {0, 1}};
  cell.plan.settings.dtype = dtype;
  return cell;
}

void visit_pairs(const PairPlan& plan, const Dataset& dataset,
                 const std::function<void(const PairIndex&, RecordedLoss&)>& visit) {
  for (std::int64_t draw = 0; draw < plan.draws; ++draw) visit_draw(plan, draw, make_small, dataset, visit);
}

std::vector<ZonePair> compare_all(const ZoneCell& cell) {
  std::vector<ZonePair> pairs;
  for (std::int64_t draw = 0; draw < cell.plan.draws; ++draw) {
    const std::vector<ZonePair> added = compare_pairs(cell, draw, make_small, spots(50, 1));
    pairs.insert(pairs.end(), added.begin(), added.end());
  }
  return pairs;
}

const std::vector<std::string> files{"pairs.csv", "ties.csv", "summary.csv"};

bool always() { return true; }

// Three cells of two draws of three mini-batches; whether all is measured.
bool measure(const OutputDirectory& directory, const std::function<bool()>& may_start = always,
             const ModelFactory& make_model = make_small) {
  ZoneResults results(directory, {cell_of(DType::f16), cell_of(DType::f32), cell_of(DType::f64)});
  for (std::size_t cell = 0; cell < results.cells().size(); ++cell)
    if (!measure_zones(results, cell, make_model, spots(50, 1), may_start)) return false;
  return true;
}

ZonePair pair_of(std::int64_t draw, double difference, Zone zone, std::int64_t zero_ties, std::int64_t positive_ties) {
  return {{draw, 0}, {difference, 0, zone}, {{"1", 10, zero_ties, positive_ties, true}}};
}

}  // namespace

TEST_CASE("draws take whole mini-batches, in order, each where the last one ended") {
  using Pairs = std::vector<std::pair<std::int64_t, std::int64_t>>;
  CHECK(indices(plan_of(2, 0, 20)) == Pairs{{0, 0}, {0, 1}, {1, 0}, {1, 1}});
  CHECK(indices(plan_of(3, 2, 16)) == Pairs{{0, 0}, {0, 1}, {1, 2}, {1, 0}, {2, 1}, {2, 2}});
  CHECK(indices(plan_of(1, 1, 50)) == Pairs{{0, 0}});
}

TEST_CASE("a plan that cannot be is refused") {
  const Dataset data = spots(50, 1);
  CHECK_THROWS_WITH(pairs_of(plan_of(0, 1), data), "--draws: expected 1 or more, got 0");
  CHECK_THROWS_WITH(pairs_of(plan_of(1, -1), data), "--batches: expected 0 or more, got -1");
  CHECK_THROWS_WITH(pairs_of(plan_of(1, 1, 0), data), "--batch-size: expected 1 or more, got 0");
  CHECK_THROWS_WITH(pairs_of(plan_of(1, 1, 51), data), "--batch-size: expected at most the 50 images of spots, got 51");
  CHECK_THROWS_WITH(pairs_of(plan_of(2, 3, 20), data),
                    "--batches: expected at most the 2 whole mini-batches of 20 images in spots, got 3");
  PairPlan plan = plan_of(1, 1);
  plan.noise = -1;
  CHECK_THROWS_WITH(pairs_of(plan, data), "--noise: expected a finite number of 0 or more, got -1");
}

TEST_CASE("weights are those of the draw's seed, in the precision asked for") {
  Settings settings = spots_settings();
  for (DType dtype : real_dtypes) {
    settings.dtype = dtype;
    const auto first = draw_network(settings, 3, make_small, Init::network),
               again = draw_network(settings, 3, make_small, Init::network),
               other = draw_network(settings, 4, make_small, Init::network),
               volume = draw_network(settings, 3, make_small, Init::volume);
    CHECK(same_tensors(parameters(*first), parameters(*again)));
    CHECK_FALSE(same_tensors(parameters(*first), parameters(*other)));
    CHECK(parameters(*first)[0].tensor.dtype() == dtype);
    for (double bias : parameters(*volume)[1].tensor.values()) CHECK(bias == 0);
    for (double bias : parameters(*first)[1].tensor.values()) CHECK(bias != 0);
  }
}

TEST_CASE("trained networks are draws too, one of each file") {
  const TemporaryDirectory directory;
  PairPlan plan = plan_of(2, 1);
  plan.init = Init::trained;
  std::vector<std::vector<NamedTensor>> exported;
  for (std::uint64_t seed : {5, 6}) {
    const auto model = draw_network(plan.settings, seed, make_small, Init::network);
    plan.weights.push_back(directory.path() + "/" + std::to_string(seed));
    export_weights(*model, plan.weights.back());
    exported.push_back(state(*model));
  }
  check_weights(plan, make_small);
  for (DType dtype : real_dtypes) {
    plan.settings.dtype = dtype;
    std::vector<double> losses, want;
    visit_pairs(plan, spots(50, 1), [&](const PairIndex& pair, RecordedLoss& loss) {
      losses.push_back(loss.value());
      const auto model = make_small(plan.settings);
      const std::vector<NamedTensor> to = state(*model);
      for (std::size_t i = 0; i < to.size(); ++i)
        to[i].tensor.copy_from(exported[static_cast<std::size_t>(pair.draw)][i].tensor);
      model->to(dtype);
      Dataset images = spots(50, 1);
      images.dtype = dtype;
      want.push_back(RecordedLoss(*model, images.batches(8)[pair.batch]).value());
    });
    CHECK(losses == want);
    CHECK(losses.size() == 2);
  }
  CHECK(std::string(to_string(plan.init)) == "trained");

  const std::string text =
      "--weights: expected a file for each of 3 draws of trained networks and none of others, got 2";
  plan.draws = 3;
  CHECK_THROWS_WITH(check(plan), text);
  plan.init = Init::volume;
  CHECK_THROWS_WITH(check(plan), text);
  plan.init = Init::trained;
  plan.weights.push_back(directory.path() + "/none");
  CHECK_THROWS_WITH(check_weights(plan, make_small), ContainsSubstring(directory.path() + "/none"));
}

TEST_CASE("noise is drawn for each pair, the same in another call") {
  PairPlan plan = plan_of(2, 2);
  const auto losses = [&](double noise) {
    plan.noise = noise;
    std::vector<double> values;
    visit_pairs(plan, spots(50, 1), [&](const PairIndex&, RecordedLoss& loss) { values.push_back(loss.value()); });
    return values;
  };
  CHECK(losses(0.5) == losses(0.5));
  CHECK(losses(0) != losses(0.5));
  CHECK(losses(0).size() == 4);
  CHECK(seed_of(plan, {0, 1}) != seed_of(plan, {1, 0}));
  CHECK(seed_of(plan, {0, 1}) != seed_of(plan, {0, 2}));
}

TEST_CASE("each draw augments in its own way") {
  PairPlan plan = plan_of(2, 0, 50);
  plan.settings.seed = 7;
  Dataset data = spots(50, 1);
  const auto losses = [&](const Augment& augment) {
    data.augment = augment;
    std::vector<double> values;
    visit_pairs(plan, data, [&](const PairIndex&, RecordedLoss& loss) { values.push_back(loss.value()); });
    return values;
  };
  const std::vector<double> plain = losses({}), augmented = losses({.crop_pad = 2});
  CHECK(augmented == losses({.crop_pad = 2}));
  CHECK(plain[0] != augmented[0]);
  CHECK(plain[1] != augmented[1]);
}

TEST_CASE("a draw yields the same whatever was drawn before") {
  PairPlan plan = plan_of(2, 3);
  plan.noise = 0.5;
  std::vector<double> values;
  const auto append = [&](const PairIndex&, RecordedLoss& loss) { values.push_back(loss.value()); };
  for (const std::int64_t draw : {1, 0, 1}) visit_draw(plan, draw, make_dropping, spots(50, 1), append);
  REQUIRE(values.size() == 9);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(values[i] == values[6 + i]);
    CHECK(values[i] != values[3 + i]);
  }
}

TEST_CASE("shares count pairs by zone, D by threshold, and tied windows") {
  const std::vector<ZonePair> pairs{pair_of(0, 0, Zone::none, 3, 0), pair_of(0, 2, Zone::bifurcation, 2, 1),
                                    pair_of(1, 1, Zone::compensation, 0, 2), pair_of(1, 0.5, Zone::nonfinite, 0, 0)};
  const std::vector<ZoneShare> shares = shares_of(pairs, {0, 1});
  const std::vector<std::pair<std::string, double>> want{{"zone", 0.75},          {"zone", 0.25}, {"bifurcation", 0.25},
                                                         {"compensation", 0.25},  {"none", 0.25}, {"nonfinite", 0.25},
                                                         {"positive_ties", 0.375}};
  REQUIRE(shares.size() == want.size());
  for (std::size_t i = 0; i < want.size(); ++i) {
    CHECK(shares[i].quantity == want[i].first);
    CHECK(shares[i].share.share == want[i].second);
    CHECK(shares[i].share.low < want[i].second);
    CHECK(shares[i].share.high > want[i].second);
  }
  CHECK(shares[1].threshold == 1);
  // Draws 0 and 1 have 1 of 2 and 2 of 2: the interval is that of draws as clusters.
  const std::vector<Tally> draws{{1, 2}, {2, 2}};
  CHECK(shares[0].share.low == share_of(draws).low);
  CHECK(shares_of({pair_of(0, 0, Zone::none, 0, 0)}, {}).back().quantity == "nonfinite");
}

TEST_CASE("tables have a row for each pair, each pool and each share") {
  ZoneCell cell = cell_of(DType::f16);
  const std::vector<ZonePair> pairs{pair_of(1, 0.1, Zone::bifurcation, 3, 1)};
  ZoneTables tables;
  tables.add(cell, pairs);
  tables.add_shares(cell, pairs);
  CHECK(tables.pairs() ==
        "network,dataset,bits,batch_norm,init,first,second,batch_size,noise,draw,batch,difference,class,residue,"
        "zero_ties,positive_ties,windows\n"
        "small,spots,16,false,network,native,minimal,8,0,1,0,0.1,bifurcation,0,3,1,10\n");
  CHECK(tables.ties() ==
        "network,dataset,bits,batch_norm,batch_size,draw,batch,layer,windows,zero_ties,positive_ties\n"
        "small,spots,16,false,8,1,0,1,10,3,1\n");
  CHECK_THAT(tables.summary(),
             ContainsSubstring(
                 "network,dataset,bits,batch_norm,batch_size,first,second,noise,draws,pairs,quantity,threshold,share,"
                 "low,high\nsmall,spots,16,false,8,native,minimal,0,2,1,zone,0,1,") &&
                 ContainsSubstring("\nsmall,spots,16,false,8,native,minimal,0,2,1,bifurcation,,1,") &&
                 ContainsSubstring("\nsmall,spots,16,false,8,native,minimal,0,2,1,positive_ties,,0.25,"));
}

TEST_CASE("a cell's pairs are the same for any number of threads, and agree with a full comparison") {
  for (DType dtype : real_dtypes) {
    const ZoneCell cell = cell_of(dtype);
    std::string text;
    with_threads([&] {
      const std::vector<ZonePair> pairs = compare_all(cell);
      ZoneTables tables;
      tables.add(cell, pairs);
      tables.add_shares(cell, pairs);
      if (text.empty()) text = tables.pairs() + tables.ties() + tables.summary();
      CHECK(text == tables.pairs() + tables.ties() + tables.summary());
    });
    const std::vector<ZonePair> pairs = compare_all(cell);
    REQUIRE(pairs.size() == 6);
    std::size_t i = 0;
    visit_pairs(cell.plan, spots(50, 1), [&](const PairIndex&, RecordedLoss& loss) {
      const Comparison full =
          compare(loss.gradients(cell.first.choices), loss.gradients(cell.second.choices), cell.norm);
      CHECK(pairs[i].comparison.difference == full.difference);
      CHECK(pairs[i].comparison.zone == full.zone);
      CHECK(pairs[i++].ties.size() == 1);
    });
  }
}

TEST_CASE("a program whose sums are reordered differs from itself by noise alone") {
  ZoneCell cell = cell_of(DType::f32);
  cell.second = cell.first;
  for (const ZonePair& pair : compare_all(cell)) CHECK(pair.comparison.difference == 0);
  cell.reordered = true;
  for (const ZonePair& pair : compare_all(cell)) {
    CHECK(pair.comparison.zone == Zone::compensation);
    CHECK(pair.comparison.residue == 0);
  }
}

TEST_CASE("a measurement that is killed at any moment goes on to the same bytes") {
  const TemporaryDirectory whole;
  const OutputDirectory at_once = open_to_resume(whole, files);
  CHECK(measure(at_once));
  const std::vector<std::string> expected = texts_in(at_once, files);
  for (int pass = 0; pass < 18; ++pass) {  // one for each pair
    CAPTURE(pass);
    const TemporaryDirectory parts;
    const OutputDirectory in_parts = open_to_resume(parts, files);
    CHECK_THROWS_AS(measure(in_parts, always, make_mortal(pass)), Killed);
    CHECK(measure(in_parts));
    CHECK(texts_in(in_parts, files) == expected);
    CHECK(parts.list() == whole.list());
  }
}

TEST_CASE("a measurement that is killed while it writes a draw makes that draw again") {
  const TemporaryDirectory directory;
  const OutputDirectory output = open_to_resume(directory, files);
  std::vector<std::string> pairs{""};  // after each draw
  const auto keep = [&] {
    if (output.has("pairs.csv")) pairs.push_back(read_file(output.file("pairs.csv")));
    return true;
  };
  CHECK(measure(output, keep));
  const std::vector<std::string> expected = texts_in(output, files);
  REQUIRE(pairs.size() == 6);
  for (std::size_t draws = 0; draws < pairs.size(); ++draws) {
    CAPTURE(draws);
    if (draws == 0)
      output.remove("pairs.csv");
    else
      output.write("pairs.csv", pairs[draws]);  // as if that of later draws had not been written yet
    CHECK(measure(output));
    CHECK(texts_in(output, files) == expected);
  }
}

TEST_CASE("a draw is in pairs.csv only if the other files have it") {
  for (const std::string name : {"ties.csv", "summary.csv"}) {
    const TemporaryDirectory directory;
    const OutputDirectory output = open_to_resume(directory, files);
    directory.write(name + "/in the way", {});
    CHECK_THROWS_AS(measure(output), Error);
    CHECK_FALSE(output.has("pairs.csv"));
  }
}

TEST_CASE("a measurement whose time is used ends between draws, and does no more than it lacks") {
  const TemporaryDirectory directory;
  const OutputDirectory output = open_to_resume(directory, files);
  int draws = 0;
  CHECK_FALSE(measure(output, [&] { return ++draws < 4; }));
  ZoneResults results(output, {cell_of(DType::f16), cell_of(DType::f32), cell_of(DType::f64)});
  CHECK(results.draws(0) == 2);
  CHECK(results.draws(1) == 1);
  CHECK(results.draws(2) == 0);
  draws = 0;
  CHECK(measure(output, [&] { return ++draws > 0; }));
  CHECK(draws == 3);
  CHECK(measure(output, [] { return false; }));
}

TEST_CASE("pairs that nobody wrote are refused by the name of their file") {
  ZoneTables tables;
  tables.add(cell_of(DType::f16), {pair_of(1, 0.1, Zone::nonfinite, 3, 1)});
  const auto error = [&](const std::string& file, const std::string& from, const std::string& to) {
    const TemporaryDirectory directory;
    const OutputDirectory output = open_to_resume(directory, files);
    output.write("pairs.csv", tables.pairs());
    output.write("ties.csv", tables.ties());
    std::string text = read_file(output.file(file));
    text.replace(text.rfind(from), from.size(), to);
    output.write(file, text);
    return error_of(directory, [&] { measure(output, [] { return false; }); });
  };
  CHECK(error("pairs.csv", "0.1", "0.2").empty());
  CHECK(error("pairs.csv", "0.1", "x") == "pairs.csv: expected a number, got 'x'");
  CHECK(error("pairs.csv", "nonfinite", "finite") ==
        "pairs.csv: zone: expected none, compensation, bifurcation or nonfinite, got 'finite'");
  CHECK(error("ties.csv", "10", "ten") == "ties.csv: expected a number, got 'ten'");
  CHECK_THAT(error("ties.csv", "layer", "pool"), StartsWith("ties.csv: expected results that start with 'network,"));
}

TEST_CASE("pairs read back to the same bits") {
  const TemporaryDirectory directory;
  const OutputDirectory output = open_to_resume(directory, files);
  ZoneTables tables;
  const ZoneCell cell = cell_of(DType::f64);
  std::vector<ZonePair> pairs{pair_of(0, 1e-17, Zone::compensation, 3, 1), pair_of(1, 1. / 3, Zone::nonfinite, 0, 0)};
  pairs[0].comparison.residue = 0.1;
  pairs[1].comparison = {std::numeric_limits<double>::infinity(), std::nan(""), Zone::nonfinite};
  tables.add(cell, pairs);
  output.write("pairs.csv", tables.pairs());
  output.write("ties.csv", tables.ties());
  ZoneTables again;
  again.add(cell, read_pairs(output.file("pairs.csv"), output.file("ties.csv")).at(cell_name(cell)));
  CHECK(again.pairs() == tables.pairs());
  CHECK(again.ties() == tables.ties());
}
