// SPDX-License-Identifier: MIT
// Convolutions with what follows them in one pass, against the kernels one after the other on the same backend, bit for
// bit: fusing never changes a value or which elements of a window tie.
#include "conv2d_support.h"

#include <mpad/ops.h>

using namespace mpad;
using namespace mpad::test;
using namespace mpad::test::conv2d;

namespace {

Sliding sliding(const Problem& p) { return slide("conv2d", p.geometry.window, p.x.shape()); }

/// Sets every fifth element of x, from the first on, to one of these after the other.
Tensor mixed_with(const Tensor& x, const std::vector<double>& special) {
  std::vector<double> values = x.values();
  for (std::size_t i = 0; i < values.size(); i += 5) values[i] = special[i / 5 % special.size()];
  return Tensor::from(values, x.shape(), x.dtype());
}

/// Small integers, whose sums tie; random values; infinities and NaN among them: over the cases each type meets each.
Problem problem(const Case& c, DType dtype) {
  const auto kind = (&c - kCases + static_cast<int>(dtype)) % 3;
  Problem p = make(c, dtype, kind == 0);
  if (kind == 2) p.x = mixed_with(p.x, {INFINITY, 0.0, -0.0, -INFINITY, 1.0, NAN});
  return p;
}

template <class Where>
Tensor convolve(Where where, const Problem& p, bool relu) {
  return run_kernel(where, {p.x, p.weight, p.bias}, {{p.grad_y.shape(), p.x.dtype()}}, [&](auto in, auto out) {
    kernels::conv2d_forward(where, sliding(p), in[0], in[1], in[2], relu, out[0]);
  })[0];
}

std::vector<Output> pool_outputs(const Sliding& pool, DType dtype) {
  const Shape shape{pool.n, pool.oh, pool.ow, pool.c};
  return {{shape, dtype}, {shape, mask_dtype(pool.window.taps() + 1)}};
}

template <class Where>
std::vector<Tensor> in_one_pass(Where where, const Problem& p, const Sliding& pool) {
  return run_kernel(where, {p.x, p.weight, p.bias}, pool_outputs(pool, p.x.dtype()), [&](auto in, auto out) {
    kernels::conv2d_relu_maxpool_forward(where, sliding(p), pool, in[0], in[1], in[2], out[0], out[1]);
  });
}

template <class Where>
std::vector<Tensor> apart(Where where, const Problem& p, const Sliding& pool) {
  return run_kernel(where, {convolve(where, p, false)}, pool_outputs(pool, p.x.dtype()),
                    [&](auto in, auto out) { kernels::relu_maxpool_forward(where, pool, in[0], out[0], out[1]); });
}

void check_pool(const Problem& p, const Window& window) {
  const Shape& y = p.grad_y.shape();
  if (std::min(y[1], y[2]) + 2 * window.pad.h < window.kernel.h) return;
  const Sliding pool = slide("pool", window, y);
  on_each_backend([&](auto where) {
    INFO(name_of(where) << ": " << describe(p) << " pool " << to_string(window.kernel));
    const std::vector<Tensor> got = in_one_pass(where, p, pool), want = apart(where, p, pool);
    CHECK(same_bits(got[0], want[0]));
    CHECK(same_bits(got[1], want[1]));
  });
}

}  // namespace

TEST_CASE("a convolution with ReLU has the bits of both, one after the other") {
  for (const Case& c : kCases) {
    const DType dtype = real_dtypes[static_cast<std::size_t>(&c - kCases) % 3];
    const Problem p = make(c, dtype, false);
    on_each_backend([&](auto where) {
      INFO(name_of(where) << ": " << describe(p));
      const Tensor want = run_kernel(where, {convolve(where, p, false)}, {{p.grad_y.shape(), dtype}},
                                     [&](auto in, auto out) { kernels::relu_forward(where, in[0], out[0]); })[0];
      CHECK(same_bits(convolve(where, p, true), want));
    });
  }
}

TEST_CASE("a convolution with ReLU and a 2x2 pool has the bits and codes of all, one after the other") {
  for (const Case& c : kCases)
    for (DType dtype : real_dtypes) check_pool(problem(c, dtype), {2, 2});
}

TEST_CASE("a convolution with ReLU and any other pool has the bits and codes of all, one after the other") {
  for (const Case& c :
       {Case{5, 8, 8, 3, 64, {3, 1, 1}}, Case{2, 9, 7, 8, 8, {3, 1, 1}}, Case{35, 6, 6, 2, 5, {3, 1, 1}}})
    for (DType dtype : real_dtypes)
      for (const Window& window : {Window{3, 2, 1}, Window{3, 2}, Window{2, 1}, Window{Pair(1, 2), Pair(1, 2)}})
        check_pool(make(c, dtype, true), window);
}

// An infinite weight tells whether it is multiplied by padding: with a pool behind it, if without.
TEST_CASE("many small images and an infinite weight have the bits and codes of all, one after the other") {
  for (DType dtype : real_dtypes) {
    Problem p = make({64, 2, 2, 32, 8, {3, 1, 1}}, dtype, false);
    std::vector<double> weight = p.weight.values();
    weight[0] = INFINITY;
    p.weight = Tensor::from(weight, p.weight.shape(), dtype);
    check_pool(p, {2, 2});
  }
}

TEST_CASE("arrays aligned to an element only have the same bits") {
  for (const Case& c : {Case{2, 4, 4, 64, 72, {3, 1, 1}}, Case{2, 5, 4, 3, 16, {3, 1, 1}},
                        Case{2, 6, 4, 3, 64, {3, 1, 1}}, Case{1, 9, 8, 1, 6, {5}}})
    for (DType dtype : real_dtypes) {
      const Problem p = make(c, dtype, true);
      const Sliding pool = slide("pool", {2, 2}, p.grad_y.shape());
      on_each_backend([&](auto where) {
        INFO(name_of(where) << ": " << describe(p));
        const std::vector<Tensor> want = in_one_pass(where, p, pool);
        const Device device = device_of(where);
        const Shifted x(p.x, device), weight(p.weight, device), bias(p.bias, device);
        const Shifted y(Tensor::full(want[0].shape(), NAN, dtype), device);
        const Tensor code(want[1].shape(), want[1].dtype(), device);
        kernels::conv2d_relu_maxpool_forward(where, sliding(p), pool, x.view(), weight.view(), bias.view(), y.view(),
                                             code.view());
        CHECK(same_bits(y.take(), want[0]));
        CHECK(same_bits(code.to(Device::cpu), want[1]));
      });
    }
}

namespace {

/// f and the gradients of its inputs, for inputs on this device.
std::vector<Tensor> all_of(const Function& f, const Problem& p, const Tensor& grad_y, Device device) {
  const std::vector<Tensor> inputs{p.x.to(device), p.weight.to(device), p.bias.to(device)};
  std::vector<Tensor> all = gradients_of(f, inputs, grad_y.to(device));
  all.push_back(f(inputs));
  for (Tensor& tensor : all) tensor = tensor.to(Device::cpu);
  return all;
}

/// Two functions have the same bits, and so have their gradients, on every device.
void check_same(const Function& f, const Function& g, const Problem& p, const Shape& output) {
  const Tensor grad_y = random_tensor(output, p.x.dtype(), 9, -4, 4);
  for (Device device : devices()) {
    INFO(to_string(device) << ": " << describe(p));
    const std::vector<Tensor> got = all_of(f, p, grad_y, device), want = all_of(g, p, grad_y, device);
    for (std::size_t i = 0; i < want.size(); ++i) CHECK(same_bits(got[i], want[i]));
  }
}

std::size_t recorded(const Function& f, const Problem& p, Tape::Keep keep = Tape::Keep::least) {
  const Tensor x = p.x.clone().set_requires_grad();
  const Tape tape(keep);
  f({x, p.weight, p.bias});
  return tape.size();
}

// Of integers, so that windows tie and elements are 0.
// The last one's pool covers its input in packs.
const Case few[] = {{3, 5, 4, 3, 16, {3, 1, 1}}, {2, 6, 6, 8, 5, {3, 1, 1}}, {2, 6, 4, 8, 16, {3, 1, 1}}};

}  // namespace

TEST_CASE("the operations in one pass have the bits and gradients of those they stand for, for every choice") {
  for (const Case& c : few)
    for (DType dtype : real_dtypes) {
      const Problem p = make(c, dtype, true);
      const Conv2dWindow window{.pad = 1};
      for (double alpha : {0.0, 0.5}) {
        check_same([&](const auto& in) { return conv2d_relu(in[0], in[1], in[2], window, alpha); },
                   [&](const auto& in) { return relu(::mpad::conv2d(in[0], in[1], in[2], window), alpha); }, p,
                   p.grad_y.shape());
        for (const char* rule : {"native", "minimal", "beta:10"}) {
          const MaxPool2dOptions pool{.ties = TieRule::parse(rule)};
          check_same(
              [&](const auto& in) { return conv2d_relu_maxpool2d(in[0], in[1], in[2], window, alpha, pool); },
              [&](const auto& in) { return relu_maxpool2d(::mpad::conv2d(in[0], in[1], in[2], window), alpha, pool); },
              p, {p.grad_y.shape()[0], p.grad_y.shape()[1] / 2, p.grad_y.shape()[2] / 2, c.k});
        }
      }
    }
}

TEST_CASE("the operations in one pass record once, and apart where other choices may be asked for") {
  const Problem p = make(few[0], DType::f32, false);
  const Function with_relu = [](const auto&in) { return conv2d_relu(in[0], in[1], in[2], {.pad = 1}); },
                 with_pool = [](const auto&in) { return conv2d_relu_maxpool2d(in[0], in[1], in[2], {.pad = 1}); };
  for (const Function& f : {with_relu, with_pool}) {
    CHECK(recorded(f, p) == 1);
    CHECK(recorded(f, p, Tape::Keep::choices) == 2);
  }
  CHECK(recorded([](const auto& in) { return conv2d_relu(in[0], in[1], in[2], {.pad = 1}, 0.5); }, p) == 2);
}

TEST_CASE("gradients of the operations in one pass match central differences in double") {
  const Problem p = make(few[1], DType::f64, false);
  const std::vector<Tensor> inputs{p.x, p.weight, p.bias};
  CHECK(gradient_error([](const auto& in) { return conv2d_relu(in[0], in[1], in[2], {.pad = 1}); }, inputs) < 1e-8);
  CHECK(gradient_error([](const auto& in) { return conv2d_relu_maxpool2d(in[0], in[1], in[2], {.pad = 1}); }, inputs) <
        1e-8);
}

TEST_CASE("the operations in one pass name themselves in errors") {
  const Tensor x = Tensor::zeros({1, 4, 4, 2}), weight = Tensor::zeros({3, 3, 3, 2}),
               other = Tensor::zeros({3, 3, 3, 4});
  CHECK_THROWS_WITH(conv2d_relu(x, other), Catch::Matchers::StartsWith("conv2d_relu: expected an input of 4 channels"));
  CHECK_THROWS_WITH(conv2d_relu_maxpool2d(x, other), Catch::Matchers::StartsWith("conv2d_relu_maxpool2d: expected"));
  CHECK_THROWS_WITH(conv2d_relu_maxpool2d(x, weight, {}, {}, 0, {.window = 3}),
                    Catch::Matchers::StartsWith("conv2d_relu_maxpool2d: expected"));
  CHECK_THROWS_WITH(conv2d_relu_maxpool2d(x, weight, {}, {}, 0, {.forward = PoolForward::composed}),
                    Catch::Matchers::StartsWith("conv2d_relu_maxpool2d: expected the exact forward"));
}
