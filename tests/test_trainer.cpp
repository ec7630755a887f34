// SPDX-License-Identifier: MIT
#include "training_support.h"

#include <mpad/core/parallel.h>
#include <mpad/data/synthetic.h>
#include <mpad/nn/batch_norm.h>
#include <mpad/train/trainer.h>

#include <numeric>
#include <set>

using namespace mpad;
using test::make_small;
using test::spots_settings;
using test::spots_split;

namespace {

Trainer small_trainer(const Settings& settings, std::int64_t run = 0) {
  return {settings, run, make_small, spots_split()};
}

Trainer trained(const Settings& settings, std::int64_t run = 0) {
  Trainer trainer = small_trainer(settings, run);
  while (!trainer.finished()) trainer.run_epoch();
  return trainer;
}

// Images of ten numbers, which a network without parameters takes as the logits.
Dataset logits_set(std::int64_t count) {
  Dataset dataset{.name = "logits",
                  .pixels = Tensor({count, 1, 1, 10}, DType::u8),
                  .labels = Tensor({count}, DType::i32),
                  .classes = 10,
                  .mean = std::vector<double>(10, 0),
                  .deviation = std::vector<double>(10, 0.1),
                  .dtype = DType::f64};
  const auto pixels = dataset.pixels.span<std::uint8_t>();
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<std::uint8_t>(Philox(3, i).word[0]);
  const auto labels = dataset.labels.span<std::int32_t>();
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<std::int32_t>(Philox(4, i).word[0] % 10);
  return dataset;
}

/// A linear layer that notes which stream it is given in each forward pass of training.
class Drawing final : public Module {
 public:
  explicit Drawing(std::vector<std::uint64_t>& streams) : streams_(&streams) {}
  Tensor forward(const Tensor& x) override {
    if (is_training()) streams_->push_back(next_rng().stream());
    return linear_(flatten(x));
  }
  void visit(Visitor& visitor) override { visitor.child("linear", linear_); }
  std::string describe() const override { return "Drawing()"; }

 private:
  std::vector<std::uint64_t>* streams_;
  Linear linear_{{36, 10}};
};

// Mean loss and accuracy of a set of logits_set, by their definitions.
Score reference_score(const Dataset& dataset) {
  const std::vector<double> bytes = dataset.pixels.values(), labels = dataset.labels.values();
  Score score;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    std::vector<double> logits(10);
    for (std::size_t k = 0; k < 10; ++k) logits[k] = bytes[10 * i + k] / 255 / 0.1;
    const auto label = static_cast<std::size_t>(labels[i]);
    double sum = 0;
    for (const double logit : logits) sum += std::exp(logit);
    score.loss += std::log(sum) - logits[label];
    score.accuracy += std::max_element(logits.begin(), logits.end()) == logits.begin() + labels[i];
  }
  return {score.loss / static_cast<double>(labels.size()), score.accuracy / static_cast<double>(labels.size())};
}

}  // namespace

TEST_CASE("LeNet learns the synthetic digits: 98 % of the held-out part after two epochs of 10,000", "[learning]") {
  Trainer trainer({.epochs = 2}, 0, test::make_lenet, synthetic_digits(10'000, 2'000, 0));
  const EpochResult first = trainer.run_epoch(), second = trainer.run_epoch();
  CHECK(second.test.accuracy >= 0.98);
  CHECK(second.train.loss < first.train.loss);
  CHECK(trainer.optimizer().steps() == 2 * 79);
}

TEST_CASE("a small network learns in every dtype by sgd, and by Adam in those that hold its second moments") {
  struct Case {
    OptimizerKind optimizer;
    double lr;
    std::vector<DType> dtypes;
  };
  using enum OptimizerKind;
  for (const auto& [optimizer, lr, dtypes] :
       {Case{sgd, 0.05, {DType::f16, DType::f32, DType::f64}}, Case{adam, 0.01, {DType::f32, DType::f64}},
        Case{adamw, 0.01, {DType::f32, DType::f64}}})
    for (const DType dtype : dtypes) {
      Settings settings = spots_settings();
      settings.dtype = dtype;
      settings.optimizer = optimizer;
      settings.lr = lr;
      settings.epochs = 20;
      const Trainer trainer = trained(settings);
      INFO(to_string(dtype) << " " << to_string(optimizer));
      for (const NamedTensor& named : state(trainer.model())) CHECK(named.tensor.dtype() == dtype);
      for (const NamedTensor& named : trainer.optimizer().state()) CHECK(named.tensor.dtype() == dtype);
      CHECK(trainer.results().back().train.loss < 0.5 * trainer.results().front().train.loss);
      CHECK(trainer.results().back().train.accuracy >= 0.5);  // chance is 0.1
    }
}

TEST_CASE("an epoch trains on every image once and is recorded") {
  Trainer trainer = small_trainer(spots_settings());
  std::vector<std::int64_t> counts;
  const EpochResult result = trainer.run_epoch([&](std::int64_t count) { counts.push_back(count); });
  CHECK(counts == std::vector<std::int64_t>{8, 8, 8, 8, 8, 8, 2});
  CHECK(trainer.optimizer().steps() == 7);
  CHECK(trainer.results().size() == 1);
  CHECK(result.run == 0);
  CHECK(result.epoch == 0);
  CHECK(result.train_seconds > 0);
  CHECK(result.seconds >= result.train_seconds);
  CHECK(trainer.run_epoch().epoch == 1);
  CHECK_FALSE(trainer.finished());
  trainer.run_epoch();
  CHECK(trainer.finished());
  CHECK_THROWS_WITH(trainer.run_epoch(), "trainer: expected an epoch below 3, got 3");
}

TEST_CASE("with a learning rate of 0 nothing moves, and the training score is that of the network on the images") {
  Settings settings = spots_settings();
  settings.lr = 0;
  settings.dtype = DType::f64;
  Trainer trainer = small_trainer(settings), untouched = small_trainer(settings);
  const EpochResult result = trainer.run_epoch();
  CHECK(test::same_tensors(state(trainer.model()), state(untouched.model())));
  Dataset train = spots_split().train;
  train.dtype = DType::f64;
  const Score score = evaluate(untouched.model(), train, 50);
  // Sums of 50 losses in another order.
  CHECK(result.train.loss == Approx(score.loss).epsilon(1e-13));
  CHECK(result.train.accuracy == score.accuracy);
}

TEST_CASE("the same seed gives the same bits for any number of threads, in each precision") {
  const int threads = num_threads();
  for (const DType dtype : test::real_dtypes) {
    Settings settings = spots_settings();
    settings.dtype = dtype;
    set_num_threads(1);
    const Trainer one = trained(settings);
    for (const int count : {1, 2, 4}) {
      set_num_threads(count);
      CHECK(test::same_state(trained(settings), one));
    }
  }
  set_num_threads(threads);
}

TEST_CASE("layers draw from a stream that the seed, the epoch and the step decide") {
  std::vector<std::uint64_t> streams;
  const auto train = [&](std::int64_t run, std::int64_t epochs) {
    streams.clear();
    Trainer trainer(
        spots_settings(), run, [&](const Settings&) { return std::make_unique<Drawing>(streams); }, spots_split());
    // As after a checkpoint of that many epochs, but for the weights.
    std::vector<EpochResult> done;
    for (std::int64_t epoch = 0; epoch < epochs; ++epoch) done.push_back({.run = run, .epoch = epoch});
    trainer.resume(done, 7 * epochs);
    while (!trainer.finished()) trainer.run_epoch();
    return streams;
  };
  const std::vector<std::uint64_t> whole = train(0, 0);
  REQUIRE(whole.size() == 21);
  CHECK(std::set(whole.begin(), whole.end()).size() == 21);
  CHECK(train(0, 2) == std::vector(whole.begin() + 14, whole.end()));
  const std::vector<std::uint64_t> other = train(1, 0);
  for (std::size_t i = 0; i < whole.size(); ++i) CHECK(other[i] != whole[i]);
}

TEST_CASE("a trainer leaves this thread's source of streams as its construction left it") {
  Trainer trainer(spots_settings(), 0, test::make_dropping, spots_split());
  set_seed(3);
  const std::uint64_t want = next_rng().stream();
  set_seed(3);
  trainer.run_epoch();
  CHECK(next_rng().stream() == want);
}

TEST_CASE("run k is the first run of seed + k, and differs from run 0") {
  Settings settings = spots_settings(), shifted = settings;
  settings.seed = 5;
  shifted.seed = 7;
  const Trainer run = trained(settings, 2), same = trained(shifted), other = trained(settings);
  CHECK(test::same_tensors(state(run.model()), state(same.model())));
  CHECK(run.results().back().test.loss == same.results().back().test.loss);
  CHECK(run.results().back().run == 2);
  CHECK_FALSE(test::same_tensors(state(run.model()), state(other.model())));
}

TEST_CASE("every epoch has an order of its own") {
  Settings settings = spots_settings();
  settings.lr = 0;
  Trainer trainer = small_trainer(settings);
  // With nothing learnt, the sum of the batches' losses differs only by the order it is formed in.
  CHECK_FALSE(test::same_bits(trainer.run_epoch().train.loss, trainer.run_epoch().train.loss));
}

TEST_CASE("a run that collapses is marked, and the next one starts clean") {
  Settings diverging = spots_settings();
  diverging.lr = 1e30;
  const Trainer collapsed = trained(diverging);
  CHECK_FALSE(std::isfinite(collapsed.results().back().test.loss));
  CHECK(summarize(collapsed.results()).collapsed == 1);
  CHECK(to_csv(collapsed.results(), diverging).find("nan") != std::string::npos);
  const Trainer after = trained(spots_settings(), 1);
  CHECK(std::isfinite(after.results().back().test.loss));
  CHECK(test::same_state(after, trained(spots_settings(), 1)));
}

TEST_CASE("evaluate is the mean over all images, for any batch size") {
  const Dataset dataset = logits_set(23);
  const Score want = reference_score(dataset);
  Flatten model;
  for (const std::int64_t batch_size : {1, 5, 23, 1000}) {
    const Score score = evaluate(model, dataset, batch_size);
    // The reference and the library each sum 23 losses of a few units in double.
    CHECK(score.loss == Approx(want.loss).epsilon(1e-13));
    CHECK(score.accuracy == want.accuracy);
  }
}

TEST_CASE("evaluate puts the model into evaluation mode and records nothing") {
  const std::unique_ptr<Module> model = make_small({});
  CHECK(model->is_training());
  Tape tape;
  evaluate(*model, spots_split().test, 7);
  CHECK_FALSE(model->is_training());
  for (const NamedTensor& named : parameters(*model)) CHECK_FALSE(named.tensor.grad());
}

TEST_CASE("results to resume behind must be the first epochs of the run, with their steps") {
  Trainer trainer = small_trainer(spots_settings(), 1);
  CHECK_THROWS_WITH(trainer.resume({{.run = 0}}, 7), "trainer: expected epoch 0 of run 1, got epoch 0 of run 0");
  CHECK_THROWS_WITH(trainer.resume({{.run = 1}, {.run = 1}}, 14),
                    "trainer: expected epoch 1 of run 1, got epoch 0 of run 1");
  CHECK_THROWS_WITH(trainer.resume({{.run = 1}}, 8), "trainer: expected 7 steps after 1 epochs, got 8");
  CHECK_THROWS_WITH(trainer.resume(std::vector<EpochResult>(4), 28),
                    "trainer: expected results of at most 3 epochs, got 4");
  CHECK(trainer.results().empty());
  CHECK(trainer.optimizer().steps() == 0);
  trainer.resume({{.run = 1}, {.run = 1, .epoch = 1}}, 14);
  CHECK(trainer.run_epoch().epoch == 2);
}

TEST_CASE("a last mini-batch of one image is refused before training where batch normalisation cannot take it") {
  const ModelFactory of_images = [](const Settings&) {
    return std::make_unique<Sequential>(Sequential{BatchNorm2d(1), Flatten(), Linear({36, 10})});
  };
  const ModelFactory of_features = [](const Settings&) {
    return std::make_unique<Sequential>(Sequential{Flatten(), Linear({36, 10}), BatchNorm1d(10)});
  };
  const auto start = [](const ModelFactory& make_model, std::int64_t images) {
    return Trainer(spots_settings(), 0, make_model, {test::spots(images, 1), test::spots(8, 2)});
  };
  CHECK_NOTHROW(start(of_features, 10).run_epoch());
  CHECK_NOTHROW(start(of_images, 9).run_epoch());
  CHECK_THROWS_WITH(start(of_features, 9),
                    "--batch-size 8: the last mini-batch is 1 of 9 images: batch_norm: expected more than 1 value per "
                    "channel when training, got an input of shape 1,10");
}
