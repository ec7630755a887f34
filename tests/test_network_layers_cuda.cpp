// SPDX-License-Identifier: MIT
// Each layer of each network, on what flows through it in training, computes on CUDA what it does on the CPU. Whole
// networks that normalise small batches multiply a last digit by thousands; layers apart have nothing to hide behind.
#include "backends.h"
#include "network_steps.h"

#include <mpad/nn/densenet.h>
#include <mpad/nn/lenet.h>
#include <mpad/nn/resnet.h>
#include <mpad/nn/vgg.h>
#include <mpad/ops.h>
#include <mpad/random.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

using namespace mpad;
using namespace mpad::test;

namespace {

using Factory = std::function<std::unique_ptr<Module>()>;

// A module that calls no other, and what it was called with.
struct Call {
  std::string path;
  Tensor x, y;
};

class Recorder final : public PathObserver {
 public:
  using PathObserver::PathObserver;
  void called(Module& module, const Tensor& x, const Tensor& y) override {
    if (modules(module).size() == 1) calls.push_back({path_of(module), x, y});
  }
  std::vector<Call> calls{};
};

// A network after three steps, and the calls of its layers in the forward that follows.
struct Trained {
  std::unique_ptr<Module> model;
  std::vector<Call> calls;
};

Trained train(const Factory& make, DType dtype, const Shape& shape) {
  set_seed(1);
  Trained trained{make(), {}};
  Module& model = *trained.model;
  model.to(dtype);
  take_steps(model, shape);
  Recorder recorder(model);
  model(step_images(shape, dtype));
  trained.calls = std::move(recorder.calls);
  return trained;
}

// The network with the parameters and buffers of another, in another precision or place.
std::unique_ptr<Module> copy_of(Module& original, const Factory& make, DType dtype, Device device) {
  std::unique_ptr<Module> copy = make();
  copy->to(dtype);
  copy->to(device);
  const std::vector<NamedTensor> from = state(original), to = state(*copy);
  for (std::size_t i = 0; i < from.size(); ++i) to[i].tensor.copy_from(from[i].tensor.to(dtype));
  return copy;
}

Module& find(Module& model, const std::string& path) {
  for (const NamedModule& named : modules(model))
    if (named.path == path) return *named.module;
  fail("no module {}", path);
}

// Random, but 0 where the output is so near ReLU's kink that its last digit decides on which side it is.
Tensor away_from_kinks(const Tensor& y) {
  const std::vector<double> outputs = y.values();
  double most = 0;
  for (double output : outputs) most = std::max(most, std::abs(output));
  std::vector<double> gradient = random_tensor(y.shape(), DType::f64, 5).values();
  for (std::size_t i = 0; i < gradient.size(); ++i)
    if (std::abs(outputs[i]) < most / 64) gradient[i] = 0;
  return Tensor::from(gradient, y.shape(), y.dtype());
}

// The call once more, in a copy of the network: what the layer yields, all gradients, and what it keeps.
std::vector<NamedTensor> repeat(const Call& call, const Tensor& grad_output, Module& copy, DType dtype, Device device) {
  Module& layer = find(copy, call.path);
  const Tensor x = call.x.to(dtype).clone().to(device).set_requires_grad();
  const Shape row{1, call.y.numel()};
  Tape tape;
  const Tensor y = layer(x);
  tape.backward(linear(reshape(y, row), grad_output.to(dtype).reshaped(row).to(device)));
  std::vector<NamedTensor> results{{"output", y}, {"gradient of the input", x.grad()}};
  for (const NamedTensor& named : parameters(layer))
    results.push_back({"gradient of " + named.path, named.tensor.grad()});
  for (const NamedTensor& named : state(layer)) results.push_back(named);
  return results;
}

// The largest error of an element, in units in the last place of the largest element.
double error(const Tensor& got, const Tensor& exact) {
  const std::vector<double> values = got.values(), want = exact.values();
  REQUIRE(values.size() == want.size());
  double most = 0, apart = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double e = std::abs(values[i] - want[i]);
    apart = std::isfinite(e) ? std::max(apart, e) : INFINITY;
    most = std::max(most, std::abs(want[i]));
  }
  return ulps(most + apart, most, got.dtype());
}

// Against double on the same inputs, CUDA is to lose no more digits than the CPU, but for the order of sums, which is
// each device's own. There is nothing wider to measure double by: it may lose what float does, on both sides.
void check_layer(const Call& call, DType dtype, Module& cpu, Module& cuda, Module& exact) {
  const Tensor grad_output = away_from_kinks(call.y);
  const DType narrower = dtype == DType::f64 ? DType::f32 : dtype;
  const std::vector<NamedTensor> want = repeat(call, grad_output, exact, DType::f64, Device::cpu),
                                 near = repeat(call, grad_output, cpu, narrower, Device::cpu),
                                 got = repeat(call, grad_output, cuda, dtype, Device::cuda);
  for (std::size_t i = 0; i < want.size(); ++i) {
    const double expected = error(near[i].tensor, want[i].tensor), found = error(got[i].tensor, want[i].tensor);
    CAPTURE(call.path, find(cuda, call.path).describe(), want[i].path, to_string(dtype), expected, found);
    CHECK(found <= (dtype == DType::f64 ? 2 : 1) * (4 * expected + 2));
  }
}

void check_layers(const Factory& make, const Shape& shape) {
  if (!can_use_cuda()) return;
  for (const DType dtype : real_dtypes) {
    const Trained trained = train(make, dtype, shape);
    const auto copy = [&](DType to, Device device) { return copy_of(*trained.model, make, to, device); };
    const auto cpu = copy(dtype == DType::f64 ? DType::f32 : dtype, Device::cpu), cuda = copy(dtype, Device::cuda),
               exact = copy(DType::f64, Device::cpu);
    REQUIRE_FALSE(trained.calls.empty());
    for (const Call& call : trained.calls) check_layer(call, dtype, *cpu, *cuda, *exact);
  }
}

}  // namespace

TEST_CASE("each layer on CUDA as on the CPU: LeNet-5") {
  check_layers([] { return std::make_unique<Lenet>(LenetOptions{.batch_norm = true}); }, {8, 28, 28, 1});
}

TEST_CASE("each layer on CUDA as on the CPU: VGG-11", "[large]") {
  check_layers([] { return std::make_unique<Vgg>(VggOptions{.ties = TieRule::minimal(), .batch_norm = true}); },
               {2, 32, 32, 3});
}

TEST_CASE("each layer on CUDA as on the CPU: ResNet-18", "[large]") {
  check_layers([] { return std::make_unique<Resnet>(ResnetOptions{.batch_norm = true}); }, {2, 32, 32, 3});
}

TEST_CASE("each layer on CUDA as on the CPU: ResNet-50", "[large]") {
  check_layers(
      [] {
        return std::make_unique<Resnet>(ResnetOptions{.depth = 50, .stem = Stem::imagenet_3x3, .batch_norm = true});
      },
      {2, 64, 64, 3});
}

TEST_CASE("each layer on CUDA as on the CPU: DenseNet-121", "[large]") {
  check_layers([] { return std::make_unique<Densenet>(DensenetOptions{.batch_norm = true}); }, {2, 64, 64, 3});
}
