// SPDX-License-Identifier: MIT
// Runs whose loss stops being finite.
#include "training_support.h"

#include <mpad/ops.h>
#include <mpad/train/collapse.h>

using namespace mpad;
using namespace mpad::test;

namespace {

// A convolution whose output is `factor` times too large, behind one that is not.
std::unique_ptr<Module> make_exploding(double factor) {
  auto model = std::make_unique<Sequential>(Sequential{Conv2d({.in = 1, .out = 2, .kernel = 3}), Relu(),
                                                       Conv2d({.in = 2, .out = 4, .kernel = 3}), MaxPool2d(), Flatten(),
                                                       Linear({4, 10})});
  for (const auto& [path, tensor] : parameters(*model))
    if (path == "2.weight") {
      std::vector<double> values = tensor.values();
      for (double& value : values) value = factor;
      tensor.copy_from(Tensor::from(values, tensor.shape(), tensor.dtype()));
    }
  return model;
}

Settings half_settings() {
  Settings settings = spots_settings();
  settings.dtype = DType::f16;
  return settings;
}

Settings mixed_settings() {
  Settings settings = half_settings();
  settings.mixed = true;
  settings.epochs = 10;
  return settings;
}

// A network whose logits are infinite in these of its passes, counted from 1.
std::unique_ptr<Module> make_spiked(const Settings& settings, int first, int last) {
  struct Spiked final : Sequential {
    Spiked(int from, int to) : first(from), last(to) {}
    Tensor forward(const Tensor& x) override {
      const Tensor logits = Sequential::forward(x);
      const bool spiked = ++passes >= first && passes <= last;
      return spiked ? add(logits, Tensor::full(logits.shape(), HUGE_VAL, logits.dtype())) : logits;
    }
    int first, last, passes = 0;
  };
  auto model = std::make_unique<Spiked>(first, last);
  model->append(make_small(settings));
  return model;
}

}  // namespace

TEST_CASE("what is not finite first is named") {
  const Tensor images = Tensor::full({2, 6, 6, 1}, 1);
  const std::unique_ptr<Module> model = make_exploding(0.5);
  CHECK(first_nonfinite(*model, images) == "the loss");
  CHECK(first_nonfinite(*make_exploding(3e38), Tensor::full({2, 6, 6, 1}, 1e30)) == "2 (Conv2d)");
  Relu relu;
  CHECK(first_nonfinite(relu, Tensor::full({1}, HUGE_VAL)) == "Relu");
  for (const auto& [path, tensor] : parameters(*model))
    if (path == "5.bias") tensor.fill(std::nan(""));
  CHECK(first_nonfinite(*model, images) == "5.bias");
}

TEST_CASE("to name what is not finite changes no running statistics") {
  Sequential model{BatchNorm2d(1), Relu()};
  const auto values = [&] {
    std::vector<std::vector<double>> all;
    for (const NamedTensor& named : state(model)) all.push_back(named.tensor.values());
    return all;
  };
  const Tensor images = Tensor::from({1, 2, 3, 4}, {1, 2, 2, 1});
  model(images);
  const auto before = values();
  CHECK(first_nonfinite(model, images) == "the loss");
  CHECK(values() == before);
  model(images);
  CHECK(values() != before);
}

TEST_CASE("a loss that is not finite ends the run, and the result names step and layer") {
  const Settings settings = half_settings();
  const auto make = [](const Settings&) { return make_exploding(60000); };
  Trainer trainer(settings, 0, make, spots_split());
  std::int64_t images = 0;
  const EpochResult& result = trainer.run_epoch([&](std::int64_t count) { images += count; });
  CHECK(result.collapsed == "step 1 at 2 (Conv2d)");
  CHECK_FALSE(std::isfinite(result.train.loss));
  CHECK(result.images == 8);
  CHECK(images == 8);
  CHECK(trainer.finished());
  CHECK(summarize(trainer.results()).collapsed == 1);
  CHECK(trainer.optimizer().steps() == 1);
  const std::string text = to_csv(trainer.results(), settings);
  CHECK(text.find(",step 1 at 2 (Conv2d),") != std::string::npos);
  CHECK(parse_csv(text, "x.csv").at(0).collapsed == result.collapsed);
  Trainer resumed(settings, 0, make, spots_split());
  resumed.resume(trainer.results(), trainer.optimizer().steps());
  CHECK(resumed.finished());
}

TEST_CASE("mixed precision skips steps without a finite loss, and ends the run when it has no scale left to try") {
  Trainer trainer(
      mixed_settings(), 0, [](const Settings& s) { return make_spiked(s, 1, 1 << 30); }, spots_split());
  while (!trainer.finished()) trainer.run_epoch();
  // From 2^16 to 2^-30 in 46 steps, seven to an epoch.
  CHECK(trainer.scaler().scale == LossScale::least);
  CHECK(trainer.results().size() == 7);
  CHECK(trainer.results().back().collapsed.starts_with("step 47 at "));
  CHECK(trainer.optimizer().steps() == 0);
}

TEST_CASE("one loss that is not finite costs mixed precision a step and nothing more") {
  Trainer trainer(
      mixed_settings(), 0, [](const Settings& s) { return make_spiked(s, 3, 3); }, spots_split());
  const EpochResult& result = trainer.run_epoch();
  CHECK(result.collapsed.empty());
  CHECK(std::isnan(result.train.loss));  // a mean over all mini-batches
  CHECK(std::isfinite(result.test.loss));
  CHECK(trainer.optimizer().steps() == 6);
  CHECK(trainer.scaler().scale == 32768);
}
