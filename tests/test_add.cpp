// SPDX-License-Identifier: MIT
// Sums of two tensors, element by element, and of one over its rows, against double.
#include "kernel_run.h"

#include <mpad/ops.h>

#include <array>

using namespace mpad;
using namespace mpad::test;

namespace {

constexpr double inf = INFINITY;

// The piece that one thread of the CPU takes, and several pieces.
const std::vector<std::int64_t> sizes = element_sizes({16383, 16384, 16391, 100003});

struct Matrix {
  std::int64_t rows, columns;
};
const Matrix matrices[] = {{0, 1},     {0, 5},     {0, 300},   {3, 0},      {0, 0},  // nothing to sum
                           {1, 1},     {1, 7},     {7, 1},     {2, 2},      {5, 3},
                           {3, 4},                                                     // one row or column, few of both
                           {33, 31},   {32, 32},   {31, 33},   {61, 15},    {61, 17},  // packs, warps and primes
                           {13, 95},   {13, 96},   {13, 97},  // columns that the CPU sums side by side
                           {20, 255},  {20, 256},  {20, 257},  {9, 1023},   {9, 1024},
                           {9, 2056},             // a block's columns, by elements and by packs
                           {50, 85},   {50, 51},  // 3 and 5 groups of rows in a block
                           {127, 256}, {128, 256}, {129, 256}, {8191, 1},   {8192, 1},  // one chunk of rows and two
                           {20001, 1}, {2000, 6},  {3000, 16}, {1000, 257}, {4096, 8},  // many chunks
                           {2, 20000}};                                                 // and many tiles of columns

/// Numbers of either sign and of all magnitudes of the type, subnormal ones too.
Tensor spread(std::int64_t size, DType dtype, std::uint64_t seed) {
  const int least = dtype == DType::f16   ? -26
                    : dtype == DType::f32 ? -151
                                          : -1076,
            most = dtype == DType::f16 ? 15 : 30;
  std::vector<double> values;
  for (std::int64_t i = 0; i < size; ++i) {
    const Philox random(seed, static_cast<std::uint64_t>(i));
    const double digits = 2 * uniform_double(random.word[0], random.word[1]) - 1;
    const auto exponents = static_cast<std::uint32_t>(most - least);
    values.push_back(std::ldexp(digits, least + static_cast<int>(uniform_below(random.word[2], exponents))));
  }
  return Tensor::from(values, {size}, dtype);
}

template <class Where>
Tensor compute_add(Where where, const Tensor& a, const Tensor& b) {
  return run_kernel(where, {a, b}, {{a.shape(), a.dtype()}},
                    [where](auto in, auto out) { kernels::add(where, in[0], in[1], out[0]); })[0];
}

template <class Where>
Tensor compute_sum_rows(Where where, const Tensor& x) {
  return run_kernel(where, {x}, {{{x.shape()[1]}, x.dtype()}},
                    [where](auto in, auto out) { kernels::sum_rows(where, in[0], out[0]); })[0];
}

/// Sums over rows in double, of |values| where `absolute`.
std::vector<double> reference_sum_rows(const Tensor& x, bool absolute) {
  const auto columns = static_cast<std::size_t>(x.shape()[1]);
  const std::vector<double> values = x.values();
  std::vector<double> sums(columns);
  for (std::size_t i = 0; i < values.size(); ++i) sums[i % columns] += absolute ? std::abs(values[i]) : values[i];
  return sums;
}

}  // namespace

// The double sum of two halves or floats, rounded again, is the sum rounded once: double has more than 2p + 2 digits
// (Figueroa, SIGNUM Newsletter 30(3), 1995), and so has float for halves.
TEST_CASE("a sum of two tensors is the exact sum rounded once, in every type and on every backend") {
  for (std::int64_t size : sizes)
    for (DType dtype : real_dtypes) {
      INFO(to_string(dtype) << ' ' << size);
      const Tensor a = spread(size, dtype, 1), b = spread(size, dtype, 2);
      const std::vector<double> left = a.values(), right = b.values();
      std::vector<double> sums(left.size());
      for (std::size_t i = 0; i < sums.size(); ++i) sums[i] = left[i] + right[i];
      const Tensor want = Tensor::from(sums, {size}, dtype);
      CHECK(same_bits(add(a, b), want));
      on_each_backend([&](auto where) { CHECK(same_bits(compute_add(where, a, b), want)); });
    }
}

TEST_CASE("a sum may overwrite either of its terms, or both") {
  for (DType dtype : real_dtypes)
    on_each_backend([&](auto where) {
      const Tensor a = spread(20011, dtype, 3), b = spread(20011, dtype, 4);
      const auto placed = [where](const Tensor& x) { return x.clone().to(device_of(where)); };
      const Tensor left = placed(a), right = placed(b), both = placed(a);
      kernels::add(where, left.view(), placed(b).view(), left.view());
      kernels::add(where, placed(a).view(), right.view(), right.view());
      kernels::add(where, both.view(), both.view(), both.view());
      CHECK(same_bits(left.to(Device::cpu), compute_add(where, a, b)));
      CHECK(same_bits(right.to(Device::cpu), compute_add(where, a, b)));
      CHECK(same_bits(both.to(Device::cpu), compute_add(where, a, a)));
    });
}

TEST_CASE("terms and sums may be slices that are aligned to an element only") {
  for (DType dtype : real_dtypes)
    on_each_backend([&](auto where) {
      const Tensor a = spread(300, dtype, 5), b = spread(300, dtype, 6), want = compute_add(where, a, b);
      for (const auto& offsets : {std::array{1, 1, 1}, std::array{1, 0, 0}, std::array{0, 2, 0}, std::array{0, 0, 3}}) {
        Tensor slices[3];
        for (std::size_t i = 0; i < 3; ++i) slices[i] = Tensor({310}, dtype, device_of(where)).slice(offsets[i], {300});
        slices[0].copy_from(a);
        slices[1].copy_from(b);
        kernels::add(where, slices[0].view(), slices[1].view(), slices[2].view());
        CHECK(same_bits(slices[2].to(Device::cpu), want));
      }
      const Tensor x = Tensor({301}, dtype, device_of(where)).slice(1, {10, 30}), y({30}, dtype, device_of(where));
      x.copy_from(Tensor::full({10, 30}, 2, dtype));
      kernels::sum_rows(where, x.view(), y.view());
      CHECK(y.values() == std::vector<double>(30, 20));
    });
}

TEST_CASE("infinities, NaN and signed zeros add up as IEEE 754 says") {
  for (DType dtype : real_dtypes)
    on_each_backend([&](auto where) {
      const Shape shape{7};
      const Tensor y = compute_add(where, Tensor::from({inf, inf, NAN, -0.0, -0.0, 1, inf}, shape, dtype),
                                   Tensor::from({1, -inf, 1, -0.0, 0, -1, inf}, shape, dtype));
      const std::vector<double> values = y.values();
      CHECK(values[0] == inf);
      CHECK(std::isnan(values[1]));
      CHECK(std::isnan(values[2]));
      CHECK((values[3] == 0 && std::signbit(values[3])));
      CHECK((values[4] == 0 && !std::signbit(values[4])));
      CHECK((values[5] == 0 && !std::signbit(values[5])));
      CHECK(values[6] == inf);
    });
}

TEST_CASE("the ReLU of a sum has the bits of both, one after the other, on every backend") {
  for (std::int64_t size : sizes)
    for (DType dtype : real_dtypes)
      on_each_backend([&](auto where) {
        INFO(name_of(where) << ' ' << to_string(dtype) << ' ' << size);
        const Tensor a = spread(size, dtype, 1), b = spread(size, dtype, 2);
        const auto run = [&](const auto& kernel) { return run_kernel(where, {a, b}, {{a.shape(), dtype}}, kernel)[0]; };
        CHECK(same_bits(run([&](auto in, auto out) { kernels::add_relu(where, in[0], in[1], out[0]); }),
                        run([&](auto in, auto out) {
                          kernels::add(where, in[0], in[1], out[0]);
                          kernels::relu_forward(where, out[0], out[0]);
                        })));
      });
}

TEST_CASE("the ReLU of a sum: infinities, NaN and zeros of either sign") {
  for (DType dtype : real_dtypes)
    on_each_backend([&](auto where) {
      const Tensor a = Tensor::from({inf, -inf, inf, NAN, -0.0, 1, -2}, {7}, dtype),
                   b = Tensor::from({1, 1, -inf, 1, -0.0, -1, 1}, {7}, dtype);
      const std::vector<double> y =
          run_kernel(where, {a, b}, {{a.shape(), dtype}},
                     [&](auto in, auto out) { kernels::add_relu(where, in[0], in[1], out[0]); })[0]
              .values();
      CHECK(y[0] == inf);
      CHECK(y[1] == 0);
      CHECK(std::isnan(y[2]));
      CHECK(std::isnan(y[3]));
      for (std::size_t i : {4, 5, 6}) CHECK((y[i] == 0 && !std::signbit(y[i])));
    });
}

TEST_CASE("the operation add_relu is relu of add, recorded once where the output tells the derivative") {
  const Tensor a = Tensor::from({1, -1, 0.5, -2, 3, 0}, {6}, DType::f64),
               b = Tensor::from({1, 1, -1, 1, -3, 0}, {6}, DType::f64), grad_y = random_tensor({6}, DType::f64, 7);
  for (double alpha : {0.0, 0.5}) {
    const Function one = [&](const auto&in) { return add_relu(in[0], in[1], alpha); },
                   two = [&](const auto&in) { return relu(add(in[0], in[1]), alpha); };
    CHECK(same_bits(one({a, b}), two({a, b})));
    const std::vector<Tensor> got = gradients_of(one, {a, b}, grad_y), want = gradients_of(two, {a, b}, grad_y);
    CHECK(same_bits(got[0], want[0]));
    CHECK(same_bits(got[1], want[1]));
    const Tensor x = a.clone().set_requires_grad();
    const Tape tape;
    add_relu(x, b, alpha);
    CHECK(tape.size() == (alpha == 0 ? 1 : 2));
  }
  CHECK_THROWS_WITH(add_relu(a, Tensor::zeros({5}, DType::f64)),
                    Catch::Matchers::StartsWith("add_relu: expected two tensors alike"));
}

TEST_CASE("row sums of small integers are exact in every type and on every backend") {
  for (const Matrix& m : matrices)
    for (DType dtype : real_dtypes) {
      INFO(to_string(dtype) << ' ' << m.rows << ',' << m.columns);
      std::vector<double> values = random_tensor({m.rows, m.columns}, DType::f64, 5, -4, 5).values();
      for (double& v : values) v = std::floor(v);
      const Tensor x = Tensor::from(values, {m.rows, m.columns}, dtype);
      // Sums beyond 2048 leave half's integers: there the exact sum is rounded once.
      const Tensor want = Tensor::from(reference_sum_rows(x, false), {m.columns}, dtype);
      on_each_backend([&](auto where) { CHECK(compute_sum_rows(where, x).values() == want.values()); });
    }
}

// Any order of summing m terms errs by at most (m - 1) u sum |x|, u = 2^-24 or 2^-53 (Higham, Accuracy and Stability,
// 4.2); the factor 2 covers the double reference, whose own error counts where T is double. half adds the store's
// 2^-11 of the result, or 2^-25 below the normal numbers.
TEST_CASE("row sums of random values stay within the bound of any order of summation") {
  for (const Matrix& m : matrices)
    for (DType dtype : real_dtypes) {
      INFO(to_string(dtype) << ' ' << m.rows << ',' << m.columns);
      const Tensor x = random_tensor({m.rows, m.columns}, dtype, 6);
      const std::vector<double> want = reference_sum_rows(x, false), scale = reference_sum_rows(x, true);
      const double unit = std::ldexp(1.0, dtype == DType::f64 ? -53 : -24);
      on_each_backend([&](auto where) {
        const std::vector<double> got = compute_sum_rows(where, x).values();
        bool within = true;
        for (std::size_t c = 0; c < want.size(); ++c) {
          const double sum = 2 * static_cast<double>(m.rows - 1) * unit * scale[c];
          const double store =
              dtype == DType::f16 ? std::ldexp(std::abs(want[c]) + sum, -11) + std::ldexp(1.0, -25) : 0;
          within = within && std::abs(got[c] - want[c]) <= sum + store;
        }
        CHECK(within);
      });
    }
}

TEST_CASE("row sums have the same bits on every instruction set") {
  for (const Matrix& m : matrices)
    for (DType dtype : real_dtypes) {
      const Tensor x = random_tensor({m.rows, m.columns}, dtype, 7);
      const Tensor want = compute_sum_rows(CpuWith<Isa::portable>{}, x);
      on_each_isa([&](auto where) { CHECK(same_bits(compute_sum_rows(where, x), want)); });
    }
}

TEST_CASE("ReLU's backward and row sums in one pass are one and the other, bit for bit") {
  std::vector<Shape> shapes;
  for (const Matrix& m : matrices) shapes.push_back({m.rows, m.columns});
  // Images, which are summed by blocks of pixels where height and width are even.
  shapes.insert(shapes.end(),
                {{2, 4, 6, 8}, {3, 8, 6, 64}, {40, 8, 8, 8}, {1, 4, 2, 2056}, {2, 5, 4, 8}, {2, 4, 6, 5}});
  for (const Shape& shape : shapes)
    for (DType dtype : real_dtypes) {
      // Outputs of ReLU, half of them 0; NaN lets the gradient pass.
      std::vector<double> outputs = random_tensor(shape, dtype, 16).values();
      for (double& value : outputs) value = value < 0 ? 0 : value;
      if (!outputs.empty()) outputs.back() = NAN;
      const Tensor y = Tensor::from(outputs, shape, dtype), grad_y = random_tensor(shape, dtype, 17);
      const Output grad{shape, dtype}, sums{{shape[shape.rank() - 1]}, dtype};
      on_each_backend([&](auto where) {
        INFO(name_of(where) << ' ' << to_string(dtype) << ' ' << to_string(shape));
        const std::vector<Tensor> got =
            run_kernel(where, {y, grad_y}, {grad, sums, grad, sums}, [where](auto in, auto out) {
              kernels::relu_backward_sum_rows(where, in[0], in[1], out[0], out[1]);
              kernels::relu_backward(where, 0, in[0], in[1], out[2]);
              kernels::sum_rows(where, out[2], out[3]);
            });
        CHECK(same_bits(got[0], got[2]));
        CHECK(same_bits(got[1], got[3]));
      });
    }
}

TEST_CASE("sums over rows of half are formed in float") {
  // In half, 2048 + 1 is 2048: a sum of ones would stay there.
  const Tensor ones = Tensor::full({4096, 2}, 1, DType::f16);
  on_each_backend([&](auto where) {
    CHECK(compute_sum_rows(where, ones).values() == std::vector<double>{4096, 4096});
  });
}

TEST_CASE("an infinity or a NaN stays in its column") {
  for (DType dtype : real_dtypes)
    on_each_backend([&](auto where) {
      const std::vector<double> sums =
          compute_sum_rows(where, Tensor::from({1, inf, NAN, inf, 2, 1, 1, -inf}, {2, 4}, dtype)).values();
      CHECK(sums[0] == 3);
      CHECK(sums[1] == inf);
      CHECK(std::isnan(sums[2]));
      CHECK(std::isnan(sums[3]));
    });
}

TEST_CASE("1, 2 and 4 threads give the same sums") {
  for (DType dtype : real_dtypes) {
    const Tensor a = spread(100003, dtype, 8), b = spread(100003, dtype, 9), x = random_tensor({9001, 33}, dtype, 10);
    const auto compute = [&] {
      return on(Device::cpu,
                [&](auto where) { return std::pair(compute_add(where, a, b), compute_sum_rows(where, x)); });
    };
    const auto want = compute();
    with_threads([&] {
      const auto got = compute();
      CHECK(same_bits(got.first, want.first));
      CHECK(same_bits(got.second, want.second));
    });
  }
}

TEST_CASE("gradients of a sum match central differences in double") {
  const Tensor a = random_tensor({2, 3, 5}, DType::f64, 11), b = random_tensor({2, 3, 5}, DType::f64, 12);
  CHECK(gradient_error([](const auto& in) { return add(in[0], in[1]); }, {a, b}) <= 1e-7);
  CHECK(gradient_error([](const auto& in) { return add(in[0], in[0]); }, {a}) <= 1e-7);
}

TEST_CASE("the gradient of a sum is the gradient of its result, in every type") {
  for (DType dtype : real_dtypes) {
    const Tensor a = random_tensor({5}, dtype, 13), b = random_tensor({5}, dtype, 14);
    const Tensor grad_y = random_tensor({5}, dtype, 15);
    for (const Tensor& gradient : gradients_of([](const auto& in) { return add(in[0], in[1]); }, {a, b}, grad_y))
      CHECK(same_bits(gradient, grad_y));
  }
}

TEST_CASE("add names what does not fit") {
  const Tensor x = Tensor::zeros({2, 3}), labels = Tensor::zeros({2}, DType::i32);
  CHECK_THROWS_WITH(add(x, Tensor::zeros({3, 2})), "add: expected two tensors alike, got float 2,3 and float 3,2");
  CHECK_THROWS_WITH(add(x, x.to(DType::f16)), "add: expected two tensors alike, got float 2,3 and half 2,3");
  CHECK_THROWS_WITH(add(labels, labels), "add: expected half, float or double, got i32");
}
