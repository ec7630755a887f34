// SPDX-License-Identifier: MIT
#include "training_support.h"

#include <mpad/ops.h>
#include <mpad/study/rate_search.h>

#include <algorithm>

using namespace mpad;
using test::make_small;
using test::spots_split;

namespace {

using Epochs = std::vector<std::int64_t>;

std::vector<RateTrial> search(std::int64_t trials, std::int64_t epochs) {
  Settings settings = test::spots_settings();
  settings.epochs = epochs;
  return search_rate(settings, trials, make_small, spots_split());
}

std::vector<RateTrial> on_rung(const std::vector<RateTrial>& rows, std::int64_t rung) {
  std::vector<RateTrial> found;
  std::copy_if(rows.begin(), rows.end(), std::back_inserter(found),
               [=](const RateTrial& row) { return row.rung == rung; });
  return found;
}

// A network whose logits are 0 whatever it is taught.
struct Deaf final : Sequential {
  Tensor forward(const Tensor& x) override {
    const Tensor logits = Sequential::forward(x);
    return relu(add(logits, Tensor::full(logits.shape(), -1e9, logits.dtype())));
  }
};

}  // namespace

TEST_CASE("rates are drawn log-uniformly between their bounds, and more trials begin with the same ones") {
  const std::vector<double> rates = draw_rates(4000, 1);
  const auto below = [&](double bound) {
    return static_cast<double>(std::count_if(rates.begin(), rates.end(), [=](double lr) { return lr < bound; })) / 4000;
  };
  CHECK(below(1e-5) == 0);
  CHECK(below(1e-1) == 1);
  // Four standard deviations of a share of 4000.
  for (const double decade : {1, 2, 3})
    CHECK(std::abs(below(1e-5 * std::pow(10, decade)) - decade / 4) < 4 * std::sqrt(0.25 / 4000));
  const std::vector<double> fewer = draw_rates(10, 1);
  CHECK(std::equal(fewer.begin(), fewer.end(), rates.begin()));
  CHECK(draw_rates(10, 2) != fewer);
}

TEST_CASE("rungs double the epochs as often as the trials are halved") {
  CHECK(rung_epochs(1, 10) == Epochs{10});
  CHECK(rung_epochs(2, 10) == Epochs{10});
  CHECK(rung_epochs(3, 10) == Epochs{5, 10});
  CHECK(rung_epochs(10, 10) == Epochs{2, 3, 5, 10});
  CHECK(rung_epochs(10, 8) == Epochs{1, 2, 4, 8});
  CHECK(rung_epochs(16, 3) == Epochs{1, 2, 3});
  CHECK(rung_epochs(10, 1) == Epochs{1});
}

TEST_CASE("the better half goes on, and the best of the last rung is chosen") {
  const std::vector<RateTrial> rows = search(5, 4);
  REQUIRE(rows.size() == 5 + 3 + 2);
  const std::vector<double> rates = draw_rates(5, 0);
  for (const auto& [rung, epochs, kept] : {std::tuple{0, 1, 3}, {1, 2, 2}, {2, 4, 1}}) {
    const std::vector<RateTrial> trials = on_rung(rows, rung);
    double worst_kept = 1, best_dropped = 0;
    int count = 0;
    for (const RateTrial& trial : trials) {
      CHECK(trial.epochs == epochs);
      CHECK(trial.lr == rates[static_cast<std::size_t>(trial.trial)]);
      count += trial.kept;
      if (trial.kept)
        worst_kept = std::min(worst_kept, trial.score);
      else
        best_dropped = std::max(best_dropped, trial.score);
    }
    CHECK(count == kept);
    CHECK(worst_kept >= best_dropped);
  }
  const RateTrial& last = *std::find_if(rows.end() - 2, rows.end(), [](const RateTrial& row) { return row.kept; });
  CHECK(chosen_rate(rows) == last.lr);
}

TEST_CASE("a trial's score is the accuracy of a training with its rate") {
  const std::vector<RateTrial> rows = search(3, 2);
  Settings settings = test::spots_settings();
  settings.epochs = 2;
  settings.lr = rows.back().lr;
  Trainer trainer(settings, 0, make_small, spots_split());
  trainer.run_epoch();
  CHECK(on_rung(rows, 0)[static_cast<std::size_t>(rows.back().trial)].score == trainer.results()[0].test.accuracy);
  trainer.run_epoch();
  CHECK(rows.back().score == trainer.results()[1].test.accuracy);
}

TEST_CASE("of trials that are as good, the earlier one is kept") {
  Settings settings = test::spots_settings();
  settings.epochs = 1;
  const ModelFactory deaf = [](const Settings& s) {
    auto model = std::make_unique<Deaf>();
    model->append(make_small(s));
    return model;
  };
  const std::vector<RateTrial> rows = search_rate(settings, 2, deaf, spots_split());
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].score == rows[1].score);
  CHECK(chosen_rate(rows) == draw_rates(1, 0)[0]);
}

TEST_CASE("a collapsed trial is as bad as can be, and where all collapse none is chosen") {
  const ModelFactory broken = [](const Settings& settings) {
    std::unique_ptr<Module> network = make_small(settings);
    parameters(*network).front().tensor.fill(NAN);
    return network;
  };
  const std::vector<RateTrial> rows = search_rate(test::spots_settings(), 3, broken, spots_split());
  for (const RateTrial& row : rows) CHECK(row.score == 0);
  CHECK(on_rung(rows, 0)[0].kept);
  CHECK(on_rung(rows, 0)[1].kept);
  CHECK_FALSE(std::any_of(rows.end() - 2, rows.end(), [](const RateTrial& row) { return row.kept; }));
  CHECK_THROWS_AS(chosen_rate(rows), NoRate);
  CHECK_THROWS_WITH(chosen_rate(rows),
                    "chosen_rate: expected a trial that does not collapse, got none on the last rung of the search");
}

TEST_CASE("a search without a trial is an error") {
  CHECK_THROWS_WITH(search(0, 1), "search_rate: expected a trial or more, got 0");
  CHECK_THROWS_WITH(chosen_rate({}), "chosen_rate: expected the rows of a search, got none");
}
