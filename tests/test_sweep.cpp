// SPDX-License-Identifier: MIT
#include "backends.h"
#include "temporary.h"
#include "training_support.h"

#include <mpad/study/searched_rates.h>
#include <mpad/study/sweep.h>
#include <mpad/study/unfinished_run.h>
#include <mpad/train/atomic_file.h>

#include <atomic>
#include <thread>

using namespace mpad;
using test::make_small;
using test::TemporaryDirectory;
using Names = std::vector<std::string>;

namespace {

Settings one_epoch() {
  Settings settings = test::spots_settings();
  settings.epochs = 1;
  return settings;
}

OutputDirectory open(const TemporaryDirectory& directory) {
  return OutputDirectory({.directory = directory.path(), .existing = Existing::resume}, {},
                         [](std::string_view name) { return name.ends_with(".csv") || is_unfinished_run(name); });
}

const Grid six_cells{.precisions = {{DType::f16}, {DType::f32}}, .betas = {0, 1, 1e4}};

Sweep make_sweep(const Settings& settings = one_epoch(), const ModelFactory& make_model = make_small) {
  return {.network = "small",
          .make_model = make_model,
          .data = test::spots_split(),
          .groups = expand(six_cells, settings),
          .runs = 2};
}

SweepHooks hooks(int most_runs = 1000, std::vector<SweepRow>* told = nullptr) {
  return {.rate = [](const BetaGroup&, const Settings& cell,
                     const auto&) { return cell.dtype == DType::f16 ? 0.01 : 0.05; },
          .may_start = [most_runs]() mutable { return most_runs-- > 0; },
          .after_run =
              [told](const SweepRow& row) {
                if (told != nullptr) told->push_back(row);
              }};
}

const auto always = [] { return true; };

// A file of a run that is not finished; empty if there is none.
std::string unfinished_in(const TemporaryDirectory& directory) {
  for (const std::string& name : directory.list())
    if (is_unfinished_run(name)) return name;
  return {};
}

// Without the times, which differ.
std::string rows_of(SweepResults& results) {
  std::vector<SweepRow> rows = results.rows();
  for (SweepRow& row : rows) row.seconds = 0;
  return to_csv(rows);
}

}  // namespace

TEST_CASE("a grid is every combination, in groups that differ in beta") {
  const Grid grid{.precisions = {{DType::f16}, {DType::f16, true}},
                  .optimizers = {OptimizerKind::sgd, OptimizerKind::adam},
                  .batch_norms = {false, true},
                  .forwards = {PoolForward::exact, PoolForward::composed},
                  .backwards = {PoolBackward::fused, PoolBackward::composed, PoolBackward::standard},
                  .betas = {10, 0}};
  const std::vector<BetaGroup> groups = expand(grid, {.momentum = 0.5});
  REQUIRE(groups.size() == 48);
  Names names;
  for (const BetaGroup& group : groups) {
    REQUIRE(group.size() == 2);
    CHECK(group[0].ties.name() == "beta:10");
    CHECK(group[1].ties.name() == "beta:0");
    CHECK(group[0].momentum == 0.5);
    const CellName cell = name_of("n", "d", group[0]);
    names.push_back(cell.bits + cell.optimizer + cell.batch_norm + cell.forward + cell.backward);
  }
  CHECK(names[0] == "16sgdfalseexactfused");
  CHECK(names[1] == "16sgdfalseexactcomposed");
  CHECK(names[3] == "16sgdfalsecomposedfused");
  CHECK(names[6] == "16sgdtrueexactfused");
  CHECK(names[12] == "16adamfalseexactfused");
  CHECK(names[24] == "mixedsgdfalseexactfused");
  CHECK_THROWS_WITH(expand({.betas = {}}, {}), "grid: expected a value or more in each list, got an empty list");
}

TEST_CASE("a sweep trains all runs of all cells, one run of each beta at a time") {
  const TemporaryDirectory directory;
  const OutputDirectory output = open(directory);
  SweepResults results(output);
  std::vector<SweepRow> told;
  CHECK(run_sweep(make_sweep(), output, results, hooks(1000, &told)));
  REQUIRE(results.rows().size() == 12);
  CHECK(told.size() == 12);
  Names order;
  for (const SweepRow& row : results.rows())
    order.push_back(row.cell.bits + ":" + row.cell.beta + ":" + std::to_string(row.run));
  CHECK(order == Names{"16:0:0", "16:1:0", "16:10000:0", "16:0:1", "16:1:1", "16:10000:1", "32:0:0", "32:1:0",
                       "32:10000:0", "32:0:1", "32:1:1", "32:10000:1"});
  CHECK(directory.list() == Names{"pools.csv", "run.json", "sweep.csv"});
  CHECK(read_file(output.file("sweep.csv")) == to_csv(results.rows()));
}

TEST_CASE("a row of a sweep is what a training alone yields") {
  const TemporaryDirectory directory;
  const OutputDirectory output = open(directory);
  SweepResults results(output);
  run_sweep(make_sweep(), output, results, hooks());
  Settings settings = one_epoch();
  settings.ties = TieRule::beta(1);
  Trainer trainer(settings, 1, make_small, test::spots_split());
  const EpochResult& alone = trainer.run_epoch();
  const SweepRow& row = results.rows()[10];
  CHECK(row.cell == name_of("small", "spots", settings));
  CHECK(row.run == 1);
  CHECK(row.lr == 0.05);
  CHECK(row.epochs == 1);
  CHECK(row.train.loss == alone.train.loss);
  CHECK(row.train.accuracy == alone.train.accuracy);
  CHECK(row.test.loss == alone.test.loss);
  CHECK(row.test.accuracy == alone.test.accuracy);
  CHECK(row.collapsed.empty());
  const std::vector<PoolRow> pools = parse_pools(read_file(output.file("pools.csv")), "pools.csv");
  REQUIRE(pools.size() == 12);
  CHECK(pools[10].cell == row.cell);
  CHECK(pools[10].noise.layer == "2");
  CHECK(pools[10].noise.values == 8 * 2 * 2 * 4);
  CHECK(pools[10].noise.signal_to_noise_db == INFINITY);
  CHECK(pools[11].noise.signal_to_noise_db < 80);
}

TEST_CASE("a sweep that has used its time goes on where it was, and redoes nothing") {
  const TemporaryDirectory whole, parts;
  const OutputDirectory at_once = open(whole), in_parts = open(parts);
  SweepResults expected(at_once);
  run_sweep(make_sweep(), at_once, expected, hooks());
  int trainings = 0;
  for (const int most : {0, 5, 1, 1000}) {
    SweepResults results(in_parts);
    std::vector<SweepRow> told;
    CHECK(run_sweep(make_sweep(), in_parts, results, hooks(most, &told)) == (most == 1000));
    trainings += static_cast<int>(told.size());
  }
  CHECK(trainings == 12);
  SweepResults results(in_parts);
  CHECK(rows_of(results) == rows_of(expected));
  CHECK(read_file(in_parts.file("pools.csv")) == read_file(at_once.file("pools.csv")));
}

TEST_CASE("runs of a sweep at once leave the rows of one after the other, in their order, each cell once") {
  Grid grid = six_cells;
  grid.betas = {0, 1, 0, 1e4};
  for (const Device device : test::devices()) {
    const TemporaryDirectory apart, together;
    Settings settings = one_epoch();
    settings.device = device;
    Sweep sweep = make_sweep(settings);
    sweep.data = sweep.data.to(device);
    const OutputDirectory output = open(apart), at_once = open(together);
    SweepResults expected(output);
    run_sweep(sweep, output, expected, hooks());
    sweep.groups = expand(grid, settings);
    for (const std::int64_t parallel : {3, 2, 20}) {
      CAPTURE(to_string(device), parallel);
      sweep.parallel = parallel;
      SweepResults results(at_once);
      // Stopped between, after 5 and after 2 runs more.
      CHECK(run_sweep(sweep, at_once, results,
                      hooks(parallel == 3   ? 5
                            : parallel == 2 ? 2
                                            : 1000)) == (parallel == 20));
    }
    SweepResults results(at_once);
    CHECK(rows_of(results) == rows_of(expected));
    CHECK(read_file(at_once.file("pools.csv")) == read_file(output.file("pools.csv")));
    CHECK(together.list() == apart.list());
  }
}

TEST_CASE("a run of a sweep that fails ends the others, in a search too, and rows stay whole") {
  const TemporaryDirectory directory;
  const OutputDirectory output = open(directory);
  Settings settings = one_epoch();
  settings.epochs = 1'000'000;
  settings.schedule = Schedule::Kind::constant;
  Sweep sweep = make_sweep(settings);
  sweep.parallel = 2;
  SweepHooks asking = hooks();
  int asked = 0;
  asking.rate = [&](const BetaGroup&, const Settings&, const auto& may_go_on) {
    if (asked++ == 0) return std::optional<double>(0.05);
    while (may_go_on()) std::this_thread::yield();
    return std::optional<double>();
  };
  std::atomic<int> steps = 0;
  struct Lost {};
  struct Losing final : public Sequential {
    Losing(std::unique_ptr<Module> inner, std::atomic<int>& passed) : passes(passed) { append(std::move(inner)); }
    Tensor forward(const Tensor& x) override {
      if (passes++ == 20) throw Lost();
      return Sequential::forward(x);
    }
    std::atomic<int>& passes;
  };
  sweep.make_model = [&](const Settings& s) { return std::make_unique<Losing>(make_small(s), steps); };
  asking.may_start = [] { return true; };
  SweepResults results(output);
  CHECK_THROWS_AS(run_sweep(sweep, output, results, asking), Lost);
  CHECK(results.rows().empty());
}

TEST_CASE("a run that was killed between two epochs goes on behind the first") {
  Settings settings = one_epoch();
  settings.epochs = 3;
  const TemporaryDirectory whole, parts;
  const OutputDirectory at_once = open(whole), in_parts = open(parts);
  SweepResults expected(at_once);
  run_sweep(make_sweep(settings), at_once, expected, hooks(1));
  {
    const test::Killer killer(11);  // behind 7 passes to train, 3 to test and one more
    SweepResults results(in_parts);
    CHECK_THROWS_AS(run_sweep(make_sweep(settings), in_parts, results, hooks(1)), test::Killed);
  }
  const Names files = parts.list();
  REQUIRE(files.size() == 2);
  CHECK(is_unfinished_run(files[1]));
  SweepResults results(in_parts);
  run_sweep(make_sweep(settings), in_parts, results, hooks(1));
  CHECK(rows_of(results) == rows_of(expected));
  CHECK(parts.list() == whole.list());
}

TEST_CASE("the state of a run is there until its row is, and not after") {
  Settings settings = one_epoch();
  settings.epochs = 2;
  const TemporaryDirectory directory;
  const OutputDirectory output = open(directory);
  SweepResults results(output);
  const std::filesystem::path in_the_way = output.file("sweep.csv.partial");
  std::filesystem::create_directory(in_the_way);
  CHECK_THROWS_AS(run_sweep(make_sweep(settings), output, results, hooks(1)), Error);
  std::filesystem::remove(in_the_way);
  const std::string name = unfinished_in(directory);
  REQUIRE_FALSE(name.empty());
  const std::string state = read_file(output.file(name));

  SweepResults resumed(output);
  CHECK(resumed.rows().empty());
  run_sweep(make_sweep(settings), output, resumed, hooks(1));
  CHECK(resumed.rows().size() == 1);
  CHECK(unfinished_in(directory).empty());
  output.write(name, state);  // as if the process had been killed between
  run_sweep(make_sweep(settings), output, resumed, hooks(0));
  CHECK(unfinished_in(directory).empty());
}

TEST_CASE("the states of a search are there until its rows are, and not after") {
  const Split data = test::spots_split();
  const TemporaryDirectory directory;
  const OutputDirectory output = open(directory);
  const RateSearchOptions options{.trials = 2, .epochs = 1};
  const std::filesystem::path in_the_way = output.file("search.csv.partial");
  std::filesystem::create_directory(in_the_way);
  SearchedRates failing(output, options);
  CHECK_THROWS_AS(failing.rate("small", one_epoch(), make_small, data, always), Error);
  std::filesystem::remove(in_the_way);
  const std::string name = unfinished_in(directory);
  REQUIRE_FALSE(name.empty());
  const std::string state = read_file(output.file(name));

  SearchedRates rates(output, options);
  const std::optional<double> rate = rates.rate("small", one_epoch(), make_small, data, always);
  CHECK(rate);
  CHECK(unfinished_in(directory).empty());
  output.write(name, state);  // as if the process had been killed between
  CHECK(rates.rate("small", one_epoch(), make_small, data, always) == rate);
  CHECK(unfinished_in(directory).empty());
}

TEST_CASE("a search of fewer epochs than the settings ask for is refused") {
  const TemporaryDirectory directory;
  const OutputDirectory output = open(directory);
  Settings settings = one_epoch();
  settings.epochs = 8;
  settings.warmup = 6;
  SearchedRates rates(output, {.trials = 2, .epochs = 3});
  CHECK_THROWS_WITH(rates.rate("small", settings, make_small, test::spots_split(), always),
                    "--warmup: expected a number from 0 to 3, got 6");
}

TEST_CASE("pools of a run without a row are dropped") {
  const TemporaryDirectory directory;
  const OutputDirectory output = open(directory);
  SweepResults results(output);
  run_sweep(make_sweep(), output, results, hooks(2));
  std::vector<SweepRow> rows = results.rows();
  rows.pop_back();
  output.write("sweep.csv", to_csv(rows));  // as if the process had been killed before
  SweepResults resumed(output);
  run_sweep(make_sweep(), output, resumed, hooks(1));
  const std::vector<PoolRow> pools = parse_pools(read_file(output.file("pools.csv")), "pools.csv");
  REQUIRE(pools.size() == 2);
  CHECK(pools[1].cell.beta == "1");
}

TEST_CASE("a sweep keeps collapsed runs and says where they did") {
  const ModelFactory broken = [](const Settings& settings) {
    std::unique_ptr<Module> network = make_small(settings);
    parameters(*network).front().tensor.fill(NAN);
    return network;
  };
  const TemporaryDirectory directory;
  const OutputDirectory output = open(directory);
  SweepResults results(output);
  run_sweep(make_sweep(one_epoch(), broken), output, results, hooks(1));
  REQUIRE(results.rows().size() == 1);
  CHECK(results.rows()[0].collapsed == "step 1 at 0.weight");
  CHECK(std::isnan(results.rows()[0].test.loss));
  const std::string text = read_file(output.file("sweep.csv"));
  CHECK(to_csv(parse_sweep(text, "sweep.csv")) == text);
}

TEST_CASE("cells are told apart by the forward of their tests") {
  Settings settings = one_epoch();
  CHECK(name_of("n", "d", settings).test_forward == "exact");
  settings.pool_test_forward = PoolForward::composed;
  CHECK(name_of("n", "d", settings).test_forward == "composed");
}

TEST_CASE("searched rates are found once, and scored on what the options say") {
  using Select = RateSearchOptions::Select;
  const Split data = test::spots_split();
  for (const Select select : {Select::held_out, Select::test}) {
    const TemporaryDirectory directory;
    const OutputDirectory output = open(directory);
    int made = 0;
    const ModelFactory counting = [&](const Settings& settings) {
      ++made;
      return make_small(settings);
    };
    const RateSearchOptions options{.trials = 3, .epochs = 2, .select = select};
    SearchedRates first(output, options);
    const std::optional<double> rate = first.rate("small", one_epoch(), counting, data, always);
    CHECK(made == 3);
    REQUIRE(rate);
    Settings other_pool = one_epoch();
    other_pool.pool_backward = PoolBackward::standard;
    CHECK(SearchedRates(output, options).rate("small", other_pool, counting, data, always) == rate);
    CHECK(made == 3);
    const std::vector<SearchRow> rows = parse_searches(read_file(output.file("search.csv")), "search.csv");
    REQUIRE(rows.size() == 3 + 2);
    CHECK(rows.back().trial.epochs == 2);
    // Shares of 5 held out of 50, or of 20 images to test on.
    const double images = select == Select::held_out ? 5 : 20;
    for (const SearchRow& row : rows)
      CHECK(std::abs(row.trial.score * images - std::round(row.trial.score * images)) < 1e-9);
    Settings other_bits = one_epoch();
    other_bits.dtype = DType::f64;
    SearchedRates(output, options).rate("small", other_bits, counting, data, always);
    CHECK(made == 6);
  }
}

TEST_CASE("a search that runs out of time goes on where it was, to the same rates") {
  const Split data = test::spots_split();
  const TemporaryDirectory whole, parts;
  const OutputDirectory at_once = open(whole), in_parts = open(parts);
  const RateSearchOptions options{.trials = 5, .epochs = 4};
  const std::optional<double> rate =
      SearchedRates(at_once, options).rate("small", one_epoch(), make_small, data, always);
  REQUIRE(rate);
  // 5 + 3 + 2 * 2 epochs in all.
  std::optional<double> found;
  int epochs = 0, calls = 0;
  for (; !found; ++calls) {
    int left = 3;
    const auto may_go_on = [&] { return left > 0 && (++epochs, left-- > 0); };
    found = SearchedRates(in_parts, options).rate("small", one_epoch(), make_small, data, may_go_on);
    if (!found) CHECK_FALSE(in_parts.has(SearchedRates::file_name));
  }
  CHECK(found == rate);
  CHECK(calls == 4);
  CHECK(epochs == 12);
  CHECK(parts.list() == whole.list());
  CHECK(read_file(in_parts.file("search.csv")) == read_file(at_once.file("search.csv")));
}

TEST_CASE("a sweep that has no time to find a rate stops, and is not complete") {
  const TemporaryDirectory directory;
  const OutputDirectory output = open(directory);
  SweepResults results(output);
  SweepHooks none = hooks();
  none.rate = [](const BetaGroup&, const Settings&, const auto&) { return std::nullopt; };
  CHECK_FALSE(run_sweep(make_sweep(), output, results, none));
  CHECK(results.rows().empty());
}

TEST_CASE("files that no sweep wrote are refused") {
  CHECK_THROWS_WITH(parse_sweep("bits\n", "sweep.csv"),
                    Catch::Matchers::StartsWith("sweep.csv: expected results that start"));
  CHECK_THROWS_WITH(parse_pools(to_csv(std::vector<PoolRow>{}) + "a,b\n", "pools.csv"),
                    "pools.csv: expected 16 columns, got 'a,b'");
  CHECK_THROWS_WITH(
      parse_searches(to_csv(std::vector<SearchRow>{}) + "n,d,16,sgd,false,0,x,0,0,0,0,true\n", "search.csv"),
      "search.csv: expected a number, got 'x'");
}
