// SPDX-License-Identifier: MIT
// Modules that a network runs in one pass, against the same modules called one by one, bit for bit.
#include "backends.h"
#include "module_support.h"

#include <mpad/nn/fused.h>
#include <mpad/nn/layers.h>
#include <mpad/nn/residual.h>

using namespace mpad;
using namespace mpad::test;

namespace {

/// While it lives, modules are called one by one.
struct Watching final : CallObserver {
  void called(Module&, const Tensor&, const Tensor&) override { ++calls; }
  int calls = 0;
};

struct Pass {
  Tensor y;
  std::vector<Tensor> gradients{};
  std::size_t recorded = 0;
};

Pass run(Module& model, const Tensor& x) {
  Tape tape;
  Pass pass{model(x)};
  pass.recorded = tape.size();
  tape.backward(dot(pass.y, random_tensor(pass.y.shape(), DType::f64, 5).to(pass.y.dtype()).to(pass.y.device())));
  for (const NamedTensor& parameter : parameters(model)) {
    pass.gradients.push_back(parameter.tensor.grad().to(Device::cpu));
    parameter.tensor.clear_grad();
  }
  pass.y = pass.y.to(Device::cpu);
  return pass;
}

/// Runs the model both ways; so many operations fewer are recorded in one pass.
template <class Make>
void check(const Make& make, std::size_t fewer_on_cpu, std::size_t fewer_on_cuda, bool training = true) {
  for (Device device : devices())
    for (DType dtype : real_dtypes) {
      INFO(to_string(device) << ' ' << to_string(dtype));
      set_seed(3);
      auto model = make();
      model.train(training);
      model.to(dtype);
      model.to(device);
      // Of few values, so that elements tie and are 0.
      const Tensor x = random_integers({2, 8, 8, 4}, dtype, 7, 3).to(device);
      const Pass got = run(model, x);
      const Watching watching;
      const Pass want = run(model, x);
      CHECK(watching.calls > 0);
      CHECK(same_bits(got.y, want.y));
      for (std::size_t i = 0; i < want.gradients.size(); ++i) CHECK(same_bits(got.gradients[i], want.gradients[i]));
      CHECK(want.recorded - got.recorded == (device == Device::cpu ? fewer_on_cpu : fewer_on_cuda));
    }
}

Conv2d convolution() { return Conv2d({.in = 4, .out = 8, .kernel = 3, .pad = 1}); }

}  // namespace

TEST_CASE("a convolution and ReLU in a row are one operation where the output tells ReLU's derivative") {
  check([] { return Sequential{convolution(), Relu()}; }, 1, 1);
  check([] { return Sequential{convolution(), Relu({.alpha = 0.5})}; }, 0, 0);
}

TEST_CASE("a linear layer and ReLU in a row are one operation where the output tells ReLU's derivative") {
  check([] { return Sequential{Flatten(), Linear({256, 30}), Relu(), Linear({30, 5})}; }, 1, 1);
  check([] { return Sequential{Flatten(), Linear({.in = 256, .out = 30, .bias = false}), Relu()}; }, 1, 1);
  check([] { return Sequential{Flatten(), Linear({256, 30}), Relu({.alpha = 0.5})}; }, 0, 0);
}

TEST_CASE("a convolution, ReLU and a pool in a row are one operation on CUDA") {
  for (double alpha : {0.0, 0.5})
    check(
        [&] {
          return Sequential{convolution(), ReluMaxPool2d({alpha}, {.ties = TieRule::minimal()}), Flatten()};
        },
        0, 1);
}

namespace {

/// Sets convolutions to integers, so that the statistics behind them are exact in any order of sums.
template <class M>
M with_integers(M model) {
  for (const NamedTensor& parameter : parameters(model))
    if (const Shape& shape = parameter.tensor.shape(); shape.rank() == 4)
      parameter.tensor.copy_from(random_integers(shape, parameter.tensor.dtype(), 11, 3));
    else if (parameter.path.starts_with("0"))
      parameter.tensor.fill(2);
  return model;
}

}  // namespace

TEST_CASE("a convolution and batch normalisation in a row run in one pass, and are two operations still") {
  check([] { return with_integers(Sequential{convolution(), BatchNorm2d(8)}); }, 0, 0);
  check([] { return with_integers(Sequential{convolution(), BatchNorm2d(8, {.relu = true, .alpha = 0.5})}); }, 0, 0);
}

TEST_CASE("batch normalisation runs with the convolution before it in training on CUDA, unless observed") {
  for (Device device : devices()) {
    Conv2d first = convolution();
    BatchNorm2d second(8);
    first.to(device);
    second.to(device);
    const Tensor x = random_tensor({2, 8, 8, 4}, DType::f32, 7).to(device);
    CHECK(bool(call_fused(first, second, x)) == (device == Device::cuda));
    {
      const Watching watching;
      CHECK_FALSE(call_fused(first, second, x));
    }
    second.train(false);
    CHECK_FALSE(call_fused(first, second, x));
  }
}

TEST_CASE("what is not behind a convolution, or the last in a row, runs alone") {
  check([] { return Sequential{Relu(), MaxPool2d(), convolution()}; }, 0, 0);
  check([] { return Sequential{convolution(), Identity(), Relu()}; }, 0, 0);
}

TEST_CASE("residual blocks: convolutions without normalisation take their ReLU along, and so does the sum") {
  check([] { return Residual({.in = 4, .width = 4, .stride = 1, .bottleneck = false, .batch_norm = false}); }, 2, 2);
}

TEST_CASE("residual blocks: normalisation takes the sum and its ReLU along where the output tells ReLU's derivative") {
  for (const bool bottleneck : {false, true})
    for (const std::int64_t stride : {1, 2}) {
      const auto block = [&](double relu0) {
        return Residual({.in = 4, .width = 4, .stride = stride, .bottleneck = bottleneck, .relu0 = relu0});
      };
      check([&] { return block(0); }, 2, 2, false);
      check([&] { return block(0.5); }, 0, 0, false);
    }
}
