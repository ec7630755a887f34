// SPDX-License-Identifier: MIT
#include "training_support.h"

#include <mpad/train/settings.h>

#include <limits>
#include <map>

using namespace mpad;

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN(),
                 infinity = std::numeric_limits<double>::infinity();

std::string check_error(const std::function<void(Settings&)>& change) {
  Settings settings;
  change(settings);
  try {
    check(settings);
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

// A change of each setting.
const std::map<std::string, std::function<void(Settings&)>> changes = {
    {"bits", [](Settings& s) { s.dtype = DType::f16; }},
    {"ties", [](Settings& s) { s.ties = TieRule::beta(2); }},
    {"relu0", [](Settings& s) { s.relu0 = 1e-17; }},
    {"batch-norm", [](Settings& s) { s.batch_norm = true; }},
    {"pool", [](Settings& s) { s.pool = PoolKind::norm; }},
    {"norm-at-zero", [](Settings& s) { s.norm_at_zero = 1; }},
    {"pool-forward", [](Settings& s) { s.pool_forward = PoolForward::composed; }},
    {"pool-test-forward", [](Settings& s) { s.pool_test_forward = PoolForward::exact; }},
    {"pool-backward", [](Settings& s) { s.pool_backward = PoolBackward::standard; }},
    {"accumulate", [](Settings& s) { s.accumulate = Accumulate::narrow; }},
    {"weights", [](Settings& s) { s.weights = "/dev/null"; }},
    {"optimizer", [](Settings& s) { s.optimizer = OptimizerKind::adamw; }},
    {"lr", [](Settings& s) { s.lr = std::nextafter(s.lr, 1.0); }},
    {"momentum", [](Settings& s) { s.momentum = 0.8; }},
    {"weight-decay", [](Settings& s) { s.weight_decay = 0; }},
    {"epsilon", [](Settings& s) { s.epsilon = 1e-3; }},
    {"nesterov", [](Settings& s) { s.nesterov = true; }},
    {"schedule", [](Settings& s) { s.schedule = Schedule::Kind::step; }},
    {"warmup", [](Settings& s) { s.warmup = 0.5; }},
    {"step-every", [](Settings& s) { s.step_every = 29.5; }},
    {"step-factor", [](Settings& s) { s.step_factor = 0.2; }},
    {"epochs", [](Settings& s) { s.epochs = 11; }},
    {"batch-size", [](Settings& s) { s.batch_size = 127; }},
    {"seed", [](Settings& s) { s.seed = ~std::uint64_t{0}; }},
    {"runs", [](Settings& s) { s.runs = 2; }},
    {"device", [](Settings& s) { s.device = Device::cuda; }},
};

}  // namespace

TEST_CASE("the defaults are valid, and so are the edges of every range") {
  CHECK(check_error([](Settings&) {}).empty());
  CHECK(check_error([](Settings& s) { s.lr = s.momentum = s.weight_decay = s.step_factor = 0; }).empty());
  CHECK(check_error([](Settings& s) { s.epochs = s.batch_size = s.runs = 1; }).empty());
  CHECK(check_error([](Settings& s) { s.warmup = 10; }).empty());
  CHECK(check_error([](Settings& s) { s.relu0 = -1e300; }).empty());
  CHECK(check_error([](Settings& s) { s.epochs = 1'000'000'000; }).empty());
  CHECK(check_error([](Settings& s) { s.batch_size = std::numeric_limits<std::int64_t>::max(); }).empty());
}

TEST_CASE("a setting out of range is named with what was expected") {
  const auto range = [](const char* name, const char* expected, const char* got) {
    return fmt::format("--{}: expected a number {}, got {}", name, expected, got);
  };
  CHECK(check_error([](Settings& s) { s.lr = -0.1; }) == range("lr", "of 0 or more", "-0.1"));
  CHECK(check_error([](Settings& s) { s.lr = not_a_number; }) == range("lr", "of 0 or more", "nan"));
  CHECK(check_error([](Settings& s) { s.lr = infinity; }) == range("lr", "of 0 or more", "inf"));
  CHECK(check_error([](Settings& s) { s.momentum = -1; }) == range("momentum", "of 0 or more", "-1"));
  CHECK(check_error([](Settings& s) { s.weight_decay = -1; }) == range("weight-decay", "of 0 or more", "-1"));
  CHECK(check_error([](Settings& s) { s.step_factor = -1; }) == range("step-factor", "of 0 or more", "-1"));
  CHECK(check_error([](Settings& s) { s.epochs = 0; }) == range("epochs", "from 1 to 1000000000", "0"));
  CHECK(check_error([](Settings& s) { s.epochs = -3; }) == range("epochs", "from 1 to 1000000000", "-3"));
  CHECK(check_error([](Settings& s) { s.parallel = 0; }) == range("parallel", "from 1 to 1024", "0"));
  CHECK(check_error([](Settings& s) { s.runs = 0; }) == range("runs", "from 1 to 1000000000", "0"));
  CHECK(check_error([](Settings& s) { s.batch_size = 0; }) == range("batch-size", "of 1 or more", "0"));
  CHECK(check_error([](Settings& s) { s.warmup = 10.5; }) == range("warmup", "from 0 to 10", "10.5"));
  CHECK(check_error([](Settings& s) { s.warmup = -1; }) == range("warmup", "from 0 to 10", "-1"));
  CHECK(check_error([](Settings& s) { s.relu0 = infinity; }) == "--relu0: expected a finite number, got inf");
  for (const double value : {0.0, -1.0, not_a_number, infinity, 1e300})
    CHECK(check_error([value](Settings& s) { s.step_every = value; }) ==
          fmt::format("--step-every: expected more than 0 epochs, at most 1000000000, got {}", value));
}

TEST_CASE("settings that contradict each other are an error") {
  CHECK(check_error([](Settings& s) { s.nesterov = true; }).empty());
  CHECK(check_error([](Settings& s) {
          s.nesterov = true;
          s.momentum = 0;
        }) == "--nesterov: expected sgd with a momentum above 0, got sgd with 0");
  CHECK(check_error([](Settings& s) {
          s.nesterov = true;
          s.optimizer = OptimizerKind::adam;
        }) == "--nesterov: expected sgd with a momentum above 0, got adam with 0.9");
  const std::string composed =
      "ties: expected a rule of the beta family (native, minimal or beta:B) for the composed pool, got 'last'";
  CHECK(check_error([](Settings& s) {
          s.ties = TieRule::last();
          s.pool_forward = PoolForward::composed;
        }) == composed);
  CHECK(check_error([](Settings& s) {
          s.ties = TieRule::last();
          s.pool_backward = PoolBackward::composed;
        }) == composed);
  CHECK(check_error([](Settings& s) {
          s.ties = TieRule::last();
          s.pool_test_forward = PoolForward::composed;
        }) == composed);
  for (const TieRule& ties : {TieRule::native(), TieRule::minimal(), TieRule::beta(10)})
    CHECK(check_error([&](Settings& s) {
            s.ties = ties;
            s.pool_forward = PoolForward::composed;
            s.pool_backward = PoolBackward::composed;
          }).empty());
}

TEST_CASE("only the maximum has the study's arithmetic") {
  for (const PoolKind kind : {PoolKind::average, PoolKind::norm}) {
    CHECK(check_error([=](Settings& s) { s.pool = kind; }).empty());
    CHECK(check_error([=](Settings& s) {
            s.pool = kind;
            s.pool_backward = PoolBackward::standard;
          }) == fmt::format("--pool: expected max with --pool-forward exact and --pool-backward standard, got {}",
                            to_string(kind)));
    CHECK(check_error([=](Settings& s) {
            s.pool = kind;
            s.pool_test_forward = PoolForward::composed;
          }) == fmt::format("--pool-test-forward: expected same for a pool of kind {}, got composed", to_string(kind)));
  }
  CHECK(check_error([](Settings& s) { s.norm_at_zero = not_a_number; }) ==
        "--norm-at-zero: expected a finite number, got nan");
}

TEST_CASE("a custom rule's name must fit into a cell of results.csv") {
  const auto named = [](const char* name) {
    struct Nothing {
      double weight(std::uint64_t, int) const { return 0; }
    };
    return check_error([name](Settings& s) { s.ties = TieRule::custom(Nothing{}, name); });
  };
  CHECK(named("my rule").empty());
  for (const char* name : {"a,b", "a\"b", "a\nb", "a\rb"})
    CHECK(named(name).starts_with("--ties: expected a name without commas, quotes and line ends, got '"));
}

TEST_CASE("settings have their names on the command line and values as text") {
  CHECK(named_values({}) == std::vector<NamedValue>{{"bits", "32"},
                                                    {"ties", "native"},
                                                    {"relu0", "0"},
                                                    {"batch-norm", "false"},
                                                    {"pool", "max"},
                                                    {"norm-at-zero", "0"},
                                                    {"pool-forward", "exact"},
                                                    {"pool-test-forward", "same"},
                                                    {"pool-backward", "fused"},
                                                    {"accumulate", "wide"},
                                                    {"weights", "none"},
                                                    {"optimizer", "sgd"},
                                                    {"lr", "0.05"},
                                                    {"momentum", "0.9"},
                                                    {"weight-decay", "0.0005"},
                                                    {"nesterov", "false"},
                                                    {"epsilon", "0"},
                                                    {"schedule", "cosine"},
                                                    {"warmup", "0"},
                                                    {"step-every", "30"},
                                                    {"step-factor", "0.1"},
                                                    {"epochs", "10"},
                                                    {"batch-size", "128"},
                                                    {"seed", "0"},
                                                    {"runs", "1"},
                                                    {"device", "cpu"}});
}

TEST_CASE("mixed precision is a name of bits, and takes half") {
  const Settings mixed{.dtype = DType::f16, .mixed = true};
  CHECK(named_values(mixed).front() == NamedValue{"bits", "mixed"});
  CHECK_NOTHROW(check(mixed));
  CHECK_THROWS_WITH(check({.mixed = true}), "--bits mixed: expected half, got float");
}

TEST_CASE("every setting shows in the list, under its own name alone") {
  const std::vector<NamedValue> before = named_values({});
  REQUIRE(changes.size() == before.size());
  for (const auto& [name, change] : changes) {
    Settings settings;
    change(settings);
    const std::vector<NamedValue> after = named_values(settings);
    REQUIRE(after.size() == before.size());
    for (std::size_t i = 0; i < after.size(); ++i) CHECK((after[i] == before[i]) == (after[i].first != name));
  }
}

TEST_CASE("the options of the pools are those of the settings") {
  const Settings settings{.ties = TieRule::beta(3),
                          .pool_forward = PoolForward::composed,
                          .pool_test_forward = PoolForward::exact,
                          .pool_backward = PoolBackward::standard,
                          .accumulate = Accumulate::narrow};
  const MaxPool2dOptions pool = pool_options(settings);
  CHECK(pool.ties.name() == "beta:3");
  CHECK(pool.forward == PoolForward::composed);
  CHECK(pool.test_forward == PoolForward::exact);
  CHECK(pool.backward == PoolBackward::standard);
  CHECK(pool.accumulate == Accumulate::narrow);
}

TEST_CASE("the schedule counts in steps what the settings say in epochs") {
  const Settings settings{
      .schedule = Schedule::Kind::step, .warmup = 1.5, .step_every = 2.25, .step_factor = 0.5, .epochs = 6};
  const Schedule schedule = make_schedule(settings, 100);
  CHECK(schedule.kind == Schedule::Kind::step);
  CHECK(schedule.total == 600);
  CHECK(schedule.warmup == 150);
  CHECK(schedule.every == 225);
  CHECK(schedule.gamma == 0.5);
  CHECK(make_schedule({.step_every = 0.001}, 100).every == 1);
  CHECK(make_schedule({.step_every = 1e9}, 100).every == 100'000'000'000);
}
