// SPDX-License-Identifier: MIT
// Runs whose loss stops being finite.
#include "training_support.h"

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

TEST_CASE("a loss that is not finite ends the run, and the result names step and layer") {
  for (const bool mixed : {false, true}) {
    Settings settings = half_settings();
    settings.mixed = mixed;
    Trainer trainer(
        settings, 0, [](const Settings&) { return make_exploding(60000); }, spots_split());
    std::int64_t images = 0;
    const EpochResult& result = trainer.run_epoch([&](std::int64_t count) { images += count; });
    CHECK(result.collapsed == "step 1 at 2 (Conv2d)");
    CHECK_FALSE(std::isfinite(result.train.loss));
    CHECK(result.images == 8);
    CHECK(images == 8);
    CHECK(trainer.finished());
    CHECK(summarize(trainer.results()).collapsed == 1);
    CHECK(trainer.optimizer().steps() == (mixed ? 0 : 1));
    const std::string text = to_csv(trainer.results(), settings);
    CHECK(text.find(",step 1 at 2 (Conv2d),") != std::string::npos);
    CHECK(parse_csv(text, "x.csv").at(0).collapsed == result.collapsed);
    Trainer resumed(
        settings, 0, [](const Settings&) { return make_exploding(60000); }, spots_split());
    resumed.resume(trainer.results(), trainer.optimizer().steps());
    CHECK(resumed.finished());
  }
}
