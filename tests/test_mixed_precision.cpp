// SPDX-License-Identifier: MIT
// Half with float masters, float running statistics and a scaled loss.
#include "optimizer_support.h"
#include "training_support.h"

#include <mpad/train/checkpoint.h>
#include <mpad/train/experiment.h>
#include <mpad/train/loss_scaler.h>
#include <mpad/train/weights.h>

#include "temporary.h"

using namespace mpad;
using namespace mpad::test;

namespace {

constexpr std::int64_t size = 777;  // three blocks and a remainder

// Steps of a float module, and of one whose optimizer keeps its parameters as masters, on the same half gradients.
template <class Make>
void compare_with_float(double scale, const Make& make) {
  Bag wide, mixed;
  for (Bag* bag : {&wide, &mixed}) bag->add(random_tensor({size}, DType::f32, 1));
  const std::unique_ptr<Optimizer> reference = make(wide, false), optimizer = make(mixed, true);
  REQUIRE(mixed.tensors[0].dtype() == DType::f16);
  CHECK(same_bits(mixed.tensors[0], wide.tensors[0].to(DType::f16)));
  for (std::uint64_t step = 0; step < 5; ++step) {
    // Below 2^-4, so that times 2^16 they are finite in half.
    const Tensor grad = random_tensor({size}, DType::f16, 2 + step, -0.0625, 0.0625);
    std::vector<double> scaled = grad.values();
    for (double& value : scaled) value *= scale;
    give(wide.tensors[0], grad.to(DType::f32));
    give(mixed.tensors[0], Tensor::from(scaled, {size}, DType::f16));
    reference->step();
    optimizer->step(scale);
    CHECK(same_bits(optimizer->state().back().tensor, wide.tensors[0]));
    CHECK(same_bits(mixed.tensors[0], wide.tensors[0].to(DType::f16)));
  }
}

Settings mixed_settings() {
  Settings settings = spots_settings();
  settings.dtype = DType::f16;
  settings.mixed = true;
  return settings;
}

std::unique_ptr<Module> make_normalized(const Settings&) {
  return std::make_unique<Sequential>(Sequential{Conv2d({.in = 1, .out = 4, .kernel = 3}),
                                                 BatchNorm2d(4, {.relu = true}), MaxPool2d(), Flatten(),
                                                 Linear({16, 10})});
}

}  // namespace

TEST_CASE("masters move as a float module does, whatever the scale of the gradients") {
  for (const double scale : {1.0, 65536.0}) {
    for (const double momentum : {0.0, 0.9})
      compare_with_float(scale, [=](Module& module, bool masters) {
        return std::make_unique<Sgd>(
            module, SgdOptions{.lr = 0.1, .momentum = momentum, .weight_decay = 0.01, .float_masters = masters});
      });
    compare_with_float(scale, [](Module& module, bool masters) {
      return std::make_unique<Adam>(module, AdamOptions{.weight_decay = 0.01, .float_masters = masters});
    });
  }
}

TEST_CASE("masters add up what half would lose") {
  Bag plain, mixed;
  plain.add(Tensor::full({1}, 1, DType::f16));
  mixed.add(Tensor::full({1}, 1));
  Sgd half_sgd(plain, {.lr = 1}), sgd(mixed, {.lr = 1, .float_masters = true});
  for (int step = 0; step < 4; ++step) {
    for (const Bag* bag : {&plain, &mixed}) give(bag->tensors[0], Tensor::full({1}, 0x1p-13, DType::f16));
    half_sgd.step();
    sgd.step();
  }
  CHECK(plain.tensors[0].item() == 1);
  CHECK(mixed.tensors[0].item() == 1 - 0x1p-11);
}

TEST_CASE("masters need float parameters, and a module that has none stays as it is") {
  for (const DType dtype : {DType::f16, DType::f64}) {
    Bag module;
    module.add(Tensor::full({2}, 1, dtype));
    CHECK_THROWS_WITH(Sgd(module, {.lr = 1, .float_masters = true}),
                      "optimizer: expected float parameters to keep as masters, got " +
                          std::string(dtype == DType::f16 ? "half" : "double"));
    CHECK(module.tensors[0].dtype() == dtype);
  }
}

TEST_CASE("gradients that are not finite are seen, and skipped they change nothing") {
  for (const double bad : {HUGE_VAL, -HUGE_VAL, std::nan("")}) {
    Bag module;
    module.add(Tensor::full({3}, 1));
    module.add(Tensor::full({2}, 2));  // gets no gradient, which counts as 0
    Sgd sgd(module, {.lr = 1, .momentum = 0.5, .float_masters = true});
    give(module.tensors[0], Tensor::from({1, bad, 0}, {3}, DType::f16));
    CHECK_FALSE(sgd.has_finite_gradients());
    sgd.skip();
    CHECK(sgd.steps() == 0);
    CHECK(module.tensors[0].values() == Values{1, 1, 1});
    give(module.tensors[0], Tensor::from({1, 65504, 0}, {3}, DType::f16));
    CHECK(sgd.has_finite_gradients());
    sgd.step(65504);
    CHECK(sgd.steps() == 1);
    CHECK(module.tensors[0].values()[1] == 0);
    CHECK(module.tensors[1].values() == Values{2, 2});
  }
  Bag module;
  module.add(Tensor::full({1}, 1));
  Sgd sgd(module, {.lr = 1});
  for (const double scale : {0.0, -1.0, HUGE_VAL, std::nan("")})
    CHECK_THROWS_WITH(sgd.step(scale),
                      fmt::format("optimizer: expected gradients times a finite number above 0, got {}", scale));
}

TEST_CASE("the loss scale doubles after 2,000 finite steps in a row and halves after one that is not") {
  LossScaler scaler;
  CHECK(scaler.scale == 65536);
  for (int step = 0; step < 1999; ++step) scaler.update(true);
  CHECK(scaler.scale == 65536);
  scaler.update(true);
  CHECK(scaler.scale == 131072);
  for (int step = 0; step < 1999; ++step) scaler.update(true);
  scaler.update(false);
  CHECK(scaler.scale == 65536);
  for (int step = 0; step < 1999; ++step) scaler.update(true);
  CHECK(scaler.scale == 65536);
  for (int step = 0; step < 100; ++step) scaler.update(false);
  CHECK(scaler.scale == 0x1p-30);
  for (int step = 0; step < 2000 * 100; ++step) scaler.update(true);
  CHECK(scaler.scale == 0x1p30);
}

TEST_CASE("a network learns in mixed precision, with half parameters and float masters and statistics") {
  Settings settings = mixed_settings();
  settings.epochs = 6;
  Trainer trainer(settings, 0, make_normalized, spots_split());
  while (!trainer.finished()) trainer.run_epoch();
  CHECK(trainer.results().back().train.loss < 0.5 * trainer.results().front().train.loss);
  for (const auto& [path, tensor] : state(trainer.model())) {
    CAPTURE(path);
    CHECK(tensor.dtype() == (path.find("running") == std::string::npos ? DType::f16 : DType::f32));
  }
  for (const auto& [name, tensor] : trainer.optimizer().state()) CHECK(tensor.dtype() == DType::f32);
  // Each step was taken or lowered the scale.
  const std::int64_t steps = 6 * 7, skipped = std::llround(std::log2(65536 / trainer.scaler().scale));
  CHECK(trainer.optimizer().steps() == steps - skipped);
}

TEST_CASE("mixed precision follows float to the rounding of activations") {
  Settings narrow = mixed_settings(), wide = spots_settings();
  for (Settings* settings : {&narrow, &wide}) settings->epochs = 1;
  Trainer mixed(narrow, 0, make_small, spots_split()), reference(wide, 0, make_small, spots_split());
  // Seven steps from the same float parameters. Activations and gradients are off by some units of half, 2^-11.
  CHECK(mixed.run_epoch().train.loss == Approx(reference.run_epoch().train.loss).epsilon(0.01));
}

TEST_CASE("what a training in mixed precision exports is its float masters") {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/weights.safetensors";
  const Settings settings = mixed_settings();
  Trainer trainer(settings, 0, make_normalized, spots_split());
  while (!trainer.finished()) trainer.run_epoch();
  run_experiment("small", settings, make_normalized, spots_split(), {.weights = path}, {});
  const std::unique_ptr<Module> loaded = make_normalized(settings);
  load_weights(*loaded, path);
  const std::vector<Tensor> masters = trainer.optimizer().unrounded();
  std::size_t at = 0;
  bool rounding_shows = false;
  for (const NamedTensor& parameter : parameters(*loaded)) {
    CAPTURE(parameter.path);
    rounding_shows |= !same_bits(parameter.tensor, parameter.tensor.to(DType::f16).to(DType::f32));
    CHECK(same_bits(parameter.tensor, masters.at(at++)));
  }
  CHECK(at == masters.size());
  CHECK(rounding_shows);
  for (const TensorFile file = read_safetensors(path); const NamedTensor& named : file.tensors)
    CHECK(named.tensor.dtype() == DType::f32);
}

TEST_CASE("mixed precision resumes to the same bits, the loss scale included") {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/run.safetensors";
  const Settings settings = mixed_settings();
  Trainer whole(settings, 0, make_normalized, spots_split()), first(settings, 0, make_normalized, spots_split());
  while (!whole.finished()) whole.run_epoch();
  first.run_epoch();
  save_checkpoint(path, first, {});
  Trainer second(settings, 0, make_normalized, spots_split());
  load_checkpoint(path, second, {});
  CHECK(second.scaler().scale == first.scaler().scale);
  CHECK(second.scaler().good_steps == first.scaler().good_steps);
  while (!second.finished()) second.run_epoch();
  CHECK(same_state(second, whole));
}
