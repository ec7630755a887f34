// SPDX-License-Identifier: MIT
// ReLU and its derivative, exactly, at every kind of number.
#include "kernel_run.h"

#include <mpad/memory.h>
#include <mpad/ops.h>

using namespace mpad;
using namespace mpad::test;

namespace {

constexpr double inf = INFINITY;
constexpr double alphas[] = {0, 0.5, 1, -1};

// Smallest subnormal, smallest normal and largest number of the type.
struct Limits {
  double tiny, normal, largest;
};
Limits limits_of(DType dtype) {
  if (dtype == DType::f16) return {0x1p-24, 0x1p-14, 65504};
  if (dtype == DType::f32) return {0x1p-149, 0x1p-126, 0x1.fffffep127};
  return {0x1p-1074, 0x1p-1022, 0x1.fffffffffffffp1023};
}

/// Every kind of number of the type, times every kind, often enough to fill blocks of vectors and a remainder.
struct Pairs {
  Tensor x, grad_y;
};
Pairs pairs(DType dtype) {
  const auto [tiny, normal, largest] = limits_of(dtype);
  const double kinds[] = {-inf, -largest, -1,     -normal, -3 * tiny, -tiny,   -0.0, 0,
                          tiny, 3 * tiny, normal, 1,       1.5,       largest, inf,  NAN};
  std::vector<double> x, grad;
  for (int copy = 0; copy < 5; ++copy)
    for (double value : kinds)
      for (double g : kinds) {
        x.push_back(value);
        grad.push_back(g);
      }
  x.push_back(-0.0);
  grad.push_back(1);
  const Shape shape{static_cast<std::int64_t>(x.size())};
  return {Tensor::from(x, shape, dtype), Tensor::from(grad, shape, dtype)};
}

std::vector<double> reference_forward(const Tensor& x) {
  std::vector<double> y = x.values();
  for (double& v : y)
    if (v <= 0) v = 0;
  return y;
}

/// From the definition, each result rounded once to the type.
std::vector<double> reference_backward(double alpha, const Tensor& x, const Tensor& grad_y) {
  std::vector<double> grad = grad_y.values();
  const std::vector<double> value = x.values();
  for (std::size_t i = 0; i < grad.size(); ++i) {
    if (value[i] < 0 || (value[i] == 0 && alpha == 0)) grad[i] = 0;
    if (value[i] == 0 && alpha != 0) grad[i] *= alpha;
  }
  return Tensor::from(grad, x.shape(), x.dtype()).values();
}

/// Equal, signs of zeros included; two NaNs are equal.
bool identical(const std::vector<double>& got, const std::vector<double>& want) {
  bool same = got.size() == want.size();
  for (std::size_t i = 0; same && i < got.size(); ++i)
    same =
        std::isnan(want[i]) ? std::isnan(got[i]) : got[i] == want[i] && std::signbit(got[i]) == std::signbit(want[i]);
  return same;
}

template <class Where>
Tensor forward(Where where, const Tensor& x) {
  return run_kernel(where, {x}, {{x.shape(), x.dtype()}},
                    [where](auto in, auto out) { kernels::relu_forward(where, in[0], out[0]); })[0];
}

template <class Where>
Tensor backward(Where where, double alpha, const Tensor& saved, const Tensor& grad_y) {
  return run_kernel(where, {saved, grad_y}, {{saved.shape(), saved.dtype()}},
                    [=](auto in, auto out) { kernels::relu_backward(where, alpha, in[0], in[1], out[0]); })[0];
}

}  // namespace

TEST_CASE("ReLU keeps positive numbers and NaN, and makes the rest +0") {
  for (DType dtype : real_dtypes) {
    const Tensor x = pairs(dtype).x;
    CHECK(identical(relu(x).values(), reference_forward(x)));
    on_each_backend([&](auto where) { CHECK(identical(forward(where, x).values(), reference_forward(x))); });
  }
}

TEST_CASE("the gradient passes above 0 and at NaN, is alpha times itself at both zeros, and is +0 below") {
  for (DType dtype : real_dtypes)
    for (double alpha : alphas) {
      INFO(to_string(dtype) << " alpha " << alpha);
      const Pairs p = pairs(dtype);
      const std::vector<double> want = reference_backward(alpha, p.x, p.grad_y);
      on_each_backend([&](auto where) { CHECK(identical(backward(where, alpha, p.x, p.grad_y).values(), want)); });
      const Function f = [alpha](const std::vector<Tensor>& in) { return relu(in[0], alpha); };
      CHECK(identical(gradients_of(f, {p.x}, p.grad_y)[0].values(), want));
    }
}

TEST_CASE("without a derivative at 0 the output tells as much as the input") {
  for (DType dtype : real_dtypes)
    on_each_backend([&](auto where) {
      const Pairs p = pairs(dtype);
      CHECK(same_bits(backward(where, 0, forward(where, p.x), p.grad_y), backward(where, 0, p.x, p.grad_y)));
    });
}

TEST_CASE("an infinite gradient at 0 becomes 0 with alpha 0, and infinite otherwise") {
  for (DType dtype : real_dtypes) {
    const Tensor zeros = Tensor::zeros({2}, dtype), grad_y = Tensor::from({inf, -inf}, {2}, dtype);
    on_each_backend([&](auto where) {
      CHECK(backward(where, 0, zeros, grad_y).values() == std::vector<double>{0, 0});
      CHECK(backward(where, -1, zeros, grad_y).values() == std::vector<double>{-inf, inf});
    });
  }
}

// alpha is rounded to acc_t and multiplied once: half a place each in float, exact but for the product in double, and
// far below half's places but for the store.
TEST_CASE("an alpha that is no binary number costs at most its own rounding") {
  for (DType dtype : real_dtypes) {
    const Tensor zeros = Tensor::zeros({1000}, dtype), grad_y = random_tensor({1000}, dtype, 1);
    std::vector<double> want = grad_y.values();
    for (double& g : want) g *= 0.3;
    const double bound = dtype == DType::f16 ? 0.51 : dtype == DType::f32 ? 1.5 : 0;
    on_each_backend([&](auto where) { CHECK(max_ulps(backward(where, 0.3, zeros, grad_y), want) <= bound); });
  }
}

TEST_CASE("sizes around vectors and blocks, none and many, in place too") {
  for (std::int64_t size : element_sizes({16383, 16384, 16385, 50021}))
    for (DType dtype : real_dtypes) {
      INFO(to_string(dtype) << ' ' << size);
      const Tensor x = random_tensor({size}, dtype, 2), grad_y = random_tensor({size}, dtype, 3);
      on_each_backend([&](auto where) {
        CHECK(forward(where, x).values() == reference_forward(x));
        CHECK(backward(where, 0.5, x, grad_y).values() == reference_backward(0.5, x, grad_y));
        const Tensor in_place = x.clone().to(device_of(where));
        kernels::relu_forward(where, in_place.view(), in_place.view());
        CHECK(same_bits(in_place.to(Device::cpu), forward(where, x)));
      });
    }
}

TEST_CASE("1, 2 and 4 threads give the same ReLU") {
  for (DType dtype : real_dtypes) {
    const Tensor x = random_tensor({60013}, dtype, 4), grad_y = random_tensor({60013}, dtype, 5);
    with_threads([&] {
      on(Device::cpu, [&](auto where) {
        CHECK(forward(where, x).values() == reference_forward(x));
        CHECK(backward(where, -1, x, grad_y).values() == reference_backward(-1, x, grad_y));
      });
    });
  }
}

TEST_CASE("gradients of ReLU match central differences in double away from 0") {
  Tensor x = random_tensor({3, 4, 5}, DType::f64, 6);
  for (double& v : x.span<double>()) v += v < 0 ? -0.1 : 0.1;
  for (double alpha : alphas)
    CHECK(gradient_error([alpha](const auto& in) { return relu(in[0], alpha); }, {x}) <= 1e-7);
}

TEST_CASE("ReLU keeps its input alive only where alpha needs it") {
  for (double alpha : {0.0, 0.5}) {
    Tensor leaf = Tensor::full({1 << 12}, 1);
    leaf.set_requires_grad();
    Tape tape;
    Tensor x = add(leaf, leaf);
    const Tensor y = relu(x, alpha);
    const std::size_t before = memory_statistics(Device::cpu).in_use, bytes = x.bytes();
    x = Tensor();
    CHECK(before - memory_statistics(Device::cpu).in_use == (alpha == 0 ? bytes : 0));
  }
}

TEST_CASE("relu names what does not fit") {
  CHECK_THROWS_WITH(relu(Tensor::zeros({2}, DType::i32)), "relu: expected half, float or double, got i32");
  CHECK_THROWS_WITH(relu(Tensor::zeros({2}), HUGE_VAL), "relu: expected a finite derivative at 0, got inf");
}
