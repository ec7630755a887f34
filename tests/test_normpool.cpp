// SPDX-License-Identifier: MIT
// Norm pools against the definition, on every backend: accuracy, range, and the derivative at 0.
#include "kernel_run.h"
#include "sum_bound.h"

#include <mpad/nn/layers.h>

using namespace mpad;
using namespace mpad::test;

namespace {

constexpr double inf = INFINITY;

// Windows of up to 4x4 taps, touching, overlapping and apart, padded and not.
std::vector<Sliding> geometries() {
  std::vector<Sliding> found;
  const std::int64_t channels[] = {1, 3, 4, 6, 8, 16, 17};
  for (const Pair kernel : {Pair(1), Pair(2), Pair(3), Pair(4), Pair(1, 4), Pair(3, 2)})
    for (const Pair stride : {Pair(1), Pair(2), Pair(3, 1)})
      for (const Pair pad : {Pair(0), Pair(kernel.h / 2, kernel.w / 2)})
        found.push_back(slide("test", {kernel, stride, pad}, {2, 5, 7, channels[found.size() % 7]}));
  found.push_back(slide("test", {{7, 7}}, {3, 7, 7, 24}));      // all of an image
  found.push_back(slide("test", {{2, 2}, 2}, {1, 4, 4, 300}));  // more channels than a block of the CPU's
  found.push_back(slide("test", {{2, 2}, 2}, {0, 4, 4, 8}));    // no image
  found.push_back(slide("test", {{2, 2}, 2}, {2, 4, 4, 0}));    // no channel
  return found;
}

std::string describe(const Sliding& s) {
  return to_string(s.window.kernel) + " stride " + to_string(s.window.stride) + " pad " + to_string(s.window.pad) +
         " of " + to_string(input_of(s));
}

// Squares of doubles neither overflow nor vanish in a long double.
std::vector<double> reference_forward(const Sliding& s, const std::vector<double>& x) {
  static_assert(std::numeric_limits<long double>::max_exponent > 2 * std::numeric_limits<double>::max_exponent);
  std::vector<long double> sum(static_cast<std::size_t>(output_of(s).numel()), 0);
  each_tap(s, [&](std::size_t o, int, std::size_t i) { sum[o] += static_cast<long double>(x[i]) * x[i]; });
  std::vector<double> norm;
  for (long double square : sum) norm.push_back(static_cast<double>(std::sqrt(square)));
  return norm;
}

Summed reference_backward(const Sliding& s, double at_zero, const std::vector<double>& x, const std::vector<double>& y,
                          const std::vector<double>& grad_y) {
  Summed want(input_of(s).numel());
  each_tap(s, [&](std::size_t o, int, std::size_t i) { want.add(i, (y[o] != 0 ? x[i] / y[o] : at_zero) * grad_y[o]); });
  return want;
}

template <class Where>
Tensor forward(Where where, const Sliding& s, const Tensor& x) {
  return run_kernel(where, {x}, {{output_of(s), x.dtype()}},
                    [&](auto in, auto out) { kernels::normpool_forward(where, s, in[0], out[0]); })[0];
}

template <class Where>
Tensor backward(Where where, const Sliding& s, double at_zero, const Tensor& x, const Tensor& y, const Tensor& grad_y) {
  return run_kernel(where, {x, y, grad_y}, {{input_of(s), x.dtype()}}, [&](auto in, auto out) {
    kernels::normpool_backward(where, s, at_zero, in[0], in[1], in[2], out[0]);
  })[0];
}

template <class F>
void for_each_case(const F& f) {
  for (const Sliding& s : geometries())
    for (DType dtype : real_dtypes)
      on_each_backend([&](auto where) {
        INFO(name_of(where) << ' ' << to_string(dtype) << ' ' << describe(s));
        f(where, s, dtype);
      });
}

/// One window of 2x2 over one image of one channel.
Sliding one_window() { return slide("test", {2}, {1, 2, 2, 1}); }

/// The norm of four numbers, on each backend.
void check_norm(const std::vector<double>& window, DType dtype, double want) {
  on_each_backend([&](auto where) {
    INFO(name_of(where) << ' ' << to_string(dtype));
    const double got = forward(where, one_window(), Tensor::from(window, {1, 2, 2, 1}, dtype)).values()[0];
    CHECK((got == want || (std::isnan(got) && std::isnan(want))));
  });
}

struct Limits {
  double tiny, largest;
};
Limits limits_of(DType dtype) {
  if (dtype == DType::f16) return {0x1p-24, 65504};
  if (dtype == DType::f32) return {0x1p-149, 0x1.fffffep127};
  return {0x1p-1074, 0x1.fffffffffffffp1023};
}

// m squares and m - 1 sums are off by m units u of the sum, its root by half of that and its own; the reference rounds
// once. half adds the store's 2^-11 (norms here are not subnormal).
void check_norms(const Tensor& got, const std::vector<double>& want, std::int64_t taps) {
  const double unit = std::ldexp(1.0, got.dtype() == DType::f64 ? -53 : -24);
  const double bound = (static_cast<double>(taps) / 2 + 2) * unit + (got.dtype() == DType::f16 ? 0x1p-11 : 0);
  const std::vector<double> values = got.values();
  bool within = values.size() == want.size();
  for (std::size_t i = 0; within && i < want.size(); ++i) within = std::abs(values[i] - want[i]) <= bound * want[i];
  CHECK(within);
}

}  // namespace

TEST_CASE("norms and their gradients stay within the bounds of their sums, with the same bits on every backend") {
  constexpr CpuWith<Isa::portable> portable;
  for_each_case([&](auto where, const Sliding& s, DType dtype) {
    const Tensor x = random_tensor(input_of(s), dtype, 1), grad_y = random_tensor(output_of(s), dtype, 2);
    const Tensor y = forward(where, s, x), grad_x = backward(where, s, 1, x, y, grad_y);
    check_norms(y, reference_forward(s, x.values()), s.window.taps());
    // A quotient, a product and a sum for each window.
    check_bound(grad_x, reference_backward(s, 1, x.values(), y.values(), grad_y.values()), s.window.taps() + 2);
    CHECK(same_bits(y, forward(portable, s, x)));
    CHECK(same_bits(grad_x, backward(portable, s, 1, x, y, grad_y)));
  });
}

TEST_CASE("where a window is 0, its elements take c times the gradient, all of them") {
  for_each_case([](auto where, const Sliding& s, DType dtype) {
    // Most windows of few levels with many zeros are 0 or have a short norm.
    std::vector<double> values = random_integers(input_of(s), DType::f64, 3, 12).values();
    for (double& value : values) value = value == 1 ? 3 : value == 2 ? -4 : 0;
    const Tensor x = Tensor::from(values, input_of(s), dtype), y = forward(where, s, x);
    const Tensor grad_y = small_multiples(output_of(s), dtype, 4);
    for (double at_zero : {0.0, 1.0, -2.0})
      check_bound(backward(where, s, at_zero, x, y, grad_y),
                  reference_backward(s, at_zero, values, y.values(), grad_y.values()), s.window.taps() + 2);
  });
}

TEST_CASE("exact norms are exact") {
  for (DType dtype : real_dtypes) {
    check_norm({3, 0, 0, -4}, dtype, 5);
    check_norm({1, -1, 1, 1}, dtype, 2);
    check_norm({2, 4, 5, 6}, dtype, 9);
    check_norm({-0.0, 0, -0.0, 0}, dtype, 0);
    check_norm({1, NAN, 2, 3}, dtype, NAN);
    check_norm({1, -inf, 2, 3}, dtype, inf);
    check_norm({inf, NAN, 2, 3}, dtype, NAN);
  }
}

TEST_CASE("the norm overflows and vanishes only where it has to") {
  for (DType dtype : real_dtypes) {
    const auto [tiny, largest] = limits_of(dtype);
    check_norm({tiny, 0, 0, 0}, dtype, tiny);
    check_norm({tiny, -tiny, tiny, tiny}, dtype, 2 * tiny);
    check_norm({3 * tiny, 4 * tiny, 0, 0}, dtype, 5 * tiny);
    check_norm({largest, 0, 0, 0}, dtype, largest);
    check_norm({largest, 1, tiny, 0}, dtype, largest);
    check_norm({largest / 2, largest / 2, -largest / 2, largest / 2}, dtype, largest);
    check_norm({largest, largest, 0, 0}, dtype, inf);
  }
}

TEST_CASE("the norm of one element is its magnitude, bit for bit, at every exponent") {
  const Sliding s = slide("test", {1}, {1, 1, 1, 2200});
  for (DType dtype : real_dtypes) {
    std::vector<double> values;
    const int least = dtype == DType::f16 ? -24 : dtype == DType::f32 ? -149 : -1074;
    const int most = dtype == DType::f16 ? 15 : dtype == DType::f32 ? 127 : 1023;
    for (int i = 0; i < 2200; ++i)
      values.push_back(std::ldexp(i % 2 ? -1.37 : 1.73, least + i * (most - least) / 2199));
    const Tensor x = Tensor::from(values, {1, 1, 1, 2200}, dtype);
    std::vector<double> magnitude = x.values();
    for (double& value : magnitude) value = std::abs(value);
    on_each_backend([&](auto where) { CHECK(forward(where, s, x).values() == magnitude); });
  }
}

// Multiplication by a power of two commutes with every operation here, unless something is subnormal or overflows.
TEST_CASE("norms scale with their windows, bit for bit") {
  const Sliding s = slide("test", {3, 2, 1}, {1, 6, 5, 9});
  for (DType dtype : {DType::f32, DType::f64}) {
    const Tensor x = random_tensor(input_of(s), dtype, 5, 0.5, 1);
    const int range = dtype == DType::f32 ? 120 : 1000;
    on_each_backend([&](auto where) {
      const std::vector<double> y = forward(where, s, x).values();
      for (int exponent = -range; exponent <= range; exponent += range / 20) {
        std::vector<double> scaled = x.values(), want = y;
        for (double& value : scaled) value = std::ldexp(value, exponent);
        for (double& value : want) value = std::ldexp(value, exponent);
        CHECK(forward(where, s, Tensor::from(scaled, input_of(s), dtype)).values() == want);
      }
    });
  }
}

TEST_CASE("gradients next to the largest and the least numbers, at infinity and of infinity") {
  for (DType dtype : real_dtypes) {
    const auto [tiny, largest] = limits_of(dtype);
    const auto gradients = [&](const std::vector<double>& window, double grad, double at_zero) {
      std::vector<double> found;
      on_each_backend([&](auto where) {
        const Tensor x = Tensor::from(window, {1, 2, 2, 1}, dtype), y = forward(where, one_window(), x);
        found = backward(where, one_window(), at_zero, x, y, Tensor::full({1, 1, 1, 1}, grad, dtype)).values();
      });
      return found;
    };
    CHECK(gradients({3 * tiny, 4 * tiny, 0, 0}, 0, 1) == std::vector<double>(4, 0));
    CHECK(gradients({tiny, tiny, -tiny, tiny}, 8, 1) == std::vector<double>{4, 4, -4, 4});
    CHECK(gradients({largest / 2, largest / 2, -largest / 2, largest / 2}, 8, 1) == std::vector<double>{4, 4, -4, 4});
    CHECK(gradients({0, 0, -0.0, 0}, 7, 0) == std::vector<double>(4, 0));
    CHECK(gradients({0, 0, -0.0, 0}, 7, 1) == std::vector<double>(4, 7));
    CHECK(gradients({0, 0, 0, 0}, inf, 0) == std::vector<double>(4, 0));
    CHECK(gradients({0, 0, 0, 0}, inf, 1) == std::vector<double>(4, inf));
    const std::vector<double> at_infinity = gradients({inf, 1, 0, -2}, 3, 0);
    CHECK(std::isnan(at_infinity[0]));
    CHECK(std::vector(at_infinity.begin() + 1, at_infinity.end()) == std::vector<double>(3, 0));
  }
}

TEST_CASE("1, 2 and 4 threads give the same norm pool") {
  const Sliding s = slide("test", {3, 2, 1}, {3, 31, 29, 7});
  for (DType dtype : real_dtypes) {
    const Tensor x = random_tensor(input_of(s), dtype, 6), grad_y = random_tensor(output_of(s), dtype, 7);
    on(Device::cpu, [&](auto where) {
      const Tensor y = forward(where, s, x), want = backward(where, s, 0, x, y, grad_y);
      with_threads([&] {
        CHECK(same_bits(forward(where, s, x), y));
        CHECK(same_bits(backward(where, s, 0, x, y, grad_y), want));
      });
    });
  }
}

TEST_CASE("packs of channels are not read where the array is not aligned to them") {
  for (Device device : devices())
    for (DType dtype : real_dtypes) {
      const Tensor arena = random_tensor({1 + 4 * 4 * 16}, dtype, 8);
      const Tensor x = arena.to(device).slice(1, {1, 4, 4, 16});
      CHECK(same_bits(normpool2d(x).to(Device::cpu), normpool2d(arena.slice(1, x.shape()).clone())));
    }
}

TEST_CASE("gradients of norm pools match central differences in double away from 0") {
  Tensor x = random_tensor({2, 5, 6, 3}, DType::f64, 9);
  for (double& v : x.span<double>()) v += v < 0 ? -0.1 : 0.1;
  const NormPool2dOptions choices[] = {{}, {.window = 3, .stride = 2, .pad = 1}, {.window = {3, 2}, .stride = 1}};
  for (const NormPool2dOptions& options : choices)
    CHECK(gradient_error([&](const auto& in) { return normpool2d(in[0], options); }, {x}) <= 1e-7);
}

TEST_CASE("norm pools say what they are and name what does not fit") {
  CHECK(NormPool2d().describe() == "NormPool2d(2x2, stride 2x2)");
  CHECK(NormPool2d({.window = 3, .stride = 1, .pad = 1, .at_zero = 1}).describe() ==
        "NormPool2d(3x3, pad 1x1, at zero 1)");
  const Tensor x = Tensor::zeros({1, 4, 4, 2});
  CHECK_THROWS_WITH(normpool2d(Tensor::zeros({4, 4})), "normpool2d: expected an input of shape n,h,w,c, got 4,4");
  CHECK_THROWS_WITH(normpool2d(x, {.pad = 2}),
                    "normpool2d: expected a padding of at most half the window 2x2, got 2x2");
  CHECK_THROWS_WITH(normpool2d(x, {.at_zero = NAN}), "normpool2d: expected a finite derivative at 0, got nan");
  CHECK_THROWS_WITH(normpool2d(Tensor({1, 4, 4, 2}, DType::i32)),
                    "normpool2d: expected half, float or double, got i32");
}
