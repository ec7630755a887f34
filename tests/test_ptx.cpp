// SPDX-License-Identifier: MIT
// The wrappers of PTX instructions against naive products and copies. On a GPU these are the instructions; under the
// emulation they are the host implementations beside them, which says nothing of the instructions.
#include "instructions.h"
#include "ptx.h"

#include <cmath>
#include <limits>

using namespace mpad;
using namespace mpad::test;

namespace {

/// sums + a * b, of matrices whose sums are exact.
std::vector<double> product(const Tensor& a, const Tensor& b, std::vector<double> sums) {
  const auto columns = static_cast<std::size_t>(b.shape()[1]), depth = static_cast<std::size_t>(b.shape()[0]);
  const std::vector<double> left = a.values(), right = b.values();
  sums.resize(static_cast<std::size_t>(a.shape()[0]) * columns);
  for (std::size_t i = 0; i < sums.size(); ++i)
    for (std::size_t k = 0; k < depth; ++k) sums[i] += left[i / columns * depth + k] * right[k * columns + i % columns];
  return sums;
}

// The larger, NaN first, then +0 before -0.
double larger(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return NAN;
  if (a == b) return std::signbit(a) ? b : a;
  return a > b ? a : b;
}
bool same(double a, double b) { return std::isnan(a) ? std::isnan(b) : a == b && std::signbit(a) == std::signbit(b); }

/// Every pair of numbers that comparisons treat in a way of their own.
struct Pairs {
  std::vector<double> a, b;
  explicit Pairs(double least) {
    const std::vector<double> values{NAN, -INFINITY, -2, -1, -least, -0.0, 0.0, least, 1, 2, INFINITY};
    for (double left : values)
      for (double right : values) a.push_back(left), b.push_back(right);
  }
  Tensor of(const std::vector<double>& values, DType dtype) const {
    return Tensor::from(values, {static_cast<std::int64_t>(values.size())}, dtype);
  }
};

}  // namespace

TEST_CASE("ldmatrix, as it lies and transposed, and mma multiply tiles of halves") {
  if (!has_device()) return;
  const Tensor a = small_integers({16, 16}, DType::f16, 1), b = small_integers({16, 16}, DType::f16, 2);
  const Tensor c = run_kernel(current_cuda(), {a, b}, {{{16, 16}, DType::f32}},
                              [](auto in, auto out) { multiply_half(current_cuda(), in[0], in[1], out[0]); })[0];
  CHECK(c.values() == product(a, b, {}));
}

TEST_CASE("a warpgroup multiplies slices of halves, however they lie in shared memory") {
  if (!has_sm90a()) return;
  for (const std::int64_t columns : {64, 128})
    for (const bool a_transposed : {false, true})
      for (const bool b_transposed : {false, true}) {
        INFO(columns << " columns, a transposed " << a_transposed << ", b transposed " << b_transposed);
        const Tensor a = small_integers({128, 32}, DType::f16, 1), b = small_integers({32, columns}, DType::f16, 2);
        const Tensor c = run_kernel(current_cuda(), {a, b}, {{{128, columns}, DType::f32}}, [&](auto in, auto out) {
          multiply_by_group(current_cuda(), a_transposed, b_transposed, in[0], in[1], out[0]);
        })[0];
        CHECK(c.values() == product(a, b, {}));
      }
}

TEST_CASE("blocks of a cluster read each other's shared memory") {
  if (!has_sm90a()) return;
  for (const std::int64_t blocks : {1, 2, 3, 8}) {
    INFO(blocks << " blocks");
    const Tensor x = small_integers({blocks, 96}, DType::f32, 1);
    const Tensor y = run_kernel(current_cuda(), {x}, {{{blocks, 96}, DType::f32}},
                                [](auto in, auto out) { sum_over_cluster(current_cuda(), in[0], out[0]); })[0];
    const std::vector<double> values = x.values();
    std::vector<double> want(96, 0.0);
    for (std::size_t i = 0; i < values.size(); ++i) want[95 - i % 96] += values[i];
    std::vector<double> repeated;
    for (std::int64_t block = 0; block < blocks; ++block) repeated.insert(repeated.end(), want.begin(), want.end());
    CHECK(y.values() == repeated);
  }
}

TEST_CASE("the double mma adds the product of an 8x4 and a 4x8 tile") {
  if (!has_device()) return;
  const Tensor a = small_integers({8, 4}, DType::f64, 3), b = small_integers({4, 8}, DType::f64, 4),
               sums = small_integers({8, 8}, DType::f64, 5);
  const Tensor c = run_kernel(current_cuda(), {a, b, sums}, {{{8, 8}, DType::f64}}, [](auto in, auto out) {
    multiply_double(current_cuda(), in[0], in[1], in[2], out[0]);
  })[0];
  CHECK(c.values() == product(a, b, sums.values()));
}

TEST_CASE("halves are compared two at a time: the larger or a NaN, equal, unequal") {
  if (!has_device()) return;
  const Pairs pairs(std::ldexp(1.0, -24));
  const std::size_t n = pairs.a.size();
  std::vector<double> a, b;  // each pair beside one from the other end, so that lanes differ
  for (std::size_t i = 0; i < n; ++i) {
    a.insert(a.end(), {pairs.a[i], pairs.a[n - 1 - i]});
    b.insert(b.end(), {pairs.b[i], pairs.b[n - 1 - i]});
  }
  const Tensor left = pairs.of(a, DType::f16), right = pairs.of(b, DType::f16);
  const Output masks{left.shape(), DType::u16};
  const std::vector<Tensor> got =
      run_kernel(current_cuda(), {left, right}, {{left.shape(), DType::f16}, masks, masks},
                 [](auto in, auto out) { compare_halves(current_cuda(), in[0], in[1], out[0], out[1], out[2]); });
  const std::vector<double> most = got[0].values(), equal = got[1].values(), unequal = got[2].values();
  for (std::size_t i = 0; i < 2 * n; ++i) {
    INFO(a[i] << " and " << b[i]);
    CHECK(same(most[i], larger(a[i], b[i])));
    CHECK(equal[i] == (a[i] == b[i] ? 0xFFFF : 0));
    CHECK(unequal[i] == (a[i] < b[i] || a[i] > b[i] ? 0xFFFF : 0));
  }
}

TEST_CASE("the larger of two floats, or a NaN") {
  if (!has_device()) return;
  const Pairs pairs(std::numeric_limits<float>::denorm_min());
  const Tensor a = pairs.of(pairs.a, DType::f32), b = pairs.of(pairs.b, DType::f32);
  const std::vector<double> got =
      run_kernel(current_cuda(), {a, b}, {{a.shape(), DType::f32}},
                 [](auto in, auto out) { compare_floats(current_cuda(), in[0], in[1], out[0]); })[0]
          .values();
  for (std::size_t i = 0; i < got.size(); ++i) {
    INFO(pairs.a[i] << " and " << pairs.b[i]);
    CHECK(same(got[i], larger(pairs.a[i], pairs.b[i])));
  }
}

TEST_CASE("cp.async copies the valid bytes and zeros behind them") {
  if (!has_device()) return;
  const Tensor x({16}, DType::u8);
  for (std::size_t i = 0; i < 16; ++i) x.span<std::uint8_t>()[i] = static_cast<std::uint8_t>(i + 1);
  for (const int valid : {0, 2, 4, 8, 10, 16}) {
    const std::vector<double> got =
        run_kernel(current_cuda(), {x}, {{{48}, DType::u8}},
                   [&](auto in, auto out) { copy_async(current_cuda(), in[0], out[0], valid); })[0]
            .values();
    for (std::size_t i = 0; i < 48; ++i) {
      INFO("byte " << i << ", valid " << valid);
      CHECK(got[i] == (i % 16 < static_cast<std::size_t>(valid) ? static_cast<double>(i % 16 + 1) : 0));
    }
  }
}

TEST_CASE("a pipeline of asynchronous copies") {
  if (!has_device()) return;
  const Tensor x = small_integers({4, 32}, DType::f32, 6);
  const std::vector<double> values = x.values(),
                            got = run_kernel(current_cuda(), {x}, {{x.shape(), DType::f32}},
                                             [](auto in, auto out) { pipeline(current_cuda(), in[0], out[0]); })[0]
                                      .values();
  for (std::size_t i = 0; i < got.size(); ++i) CHECK(got[i] == values[i / 32 * 32 + 31 - i % 32] + 1);
}
