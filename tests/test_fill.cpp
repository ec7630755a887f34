// SPDX-License-Identifier: MIT
// Constant and random fills and conversions between the real types.
#include "kernel_run.h"

#include <mpad/random.h>

#include <algorithm>
#include <array>
#include <bit>

using namespace mpad;
using namespace mpad::test;

namespace {

constexpr DType all_dtypes[] = {DType::f16, DType::f32, DType::f64, DType::u8,
                                DType::u16, DType::u32, DType::u64, DType::i32};

// Beyond the piece that one thread of the CPU takes, and several pieces.
const std::vector<std::int64_t> sizes = element_sizes({16391, 70001});

/// All 65,536 halfs, in the order of their bits.
Tensor all_halfs() {
  const Tensor x({65536}, DType::f16);
  const auto elements = x.span<half>();
  for (std::size_t i = 0; i < elements.size(); ++i) elements[i] = std::bit_cast<half>(static_cast<std::uint16_t>(i));
  return x;
}

/// What the bits of a half mean, from the definition of binary16.
double meaning(std::size_t bits) {
  const int exponent = static_cast<int>(bits >> 10 & 31);
  const double fraction = static_cast<double>(bits & 1023), sign = bits >> 15 ? -1 : 1;
  if (exponent == 31) return fraction == 0 ? sign * INFINITY : NAN;
  return sign * (exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25));
}

template <class Where>
Tensor compute_cast(Where where, const Tensor& x, DType to) {
  return run_kernel(where, {x}, {{x.shape(), to}},
                    [where](auto in, auto out) { kernels::cast(where, in[0], out[0]); })[0];
}

std::vector<double> finite_halfs() {
  std::vector<double> halfs;
  for (std::size_t bits = 0; bits < 0x7c00; ++bits) halfs.push_back(meaning(bits));
  return halfs;
}

Tensor tensor_of(const std::vector<double>& values, DType dtype) {
  return Tensor::from(values, {static_cast<std::int64_t>(values.size())}, dtype);
}

/// Between each two neighbours of `numbers`, of either sign: below, at and above the middle (by a last place of
/// double), and what each rounds to. The first number is even. `limit`, if not 0, is what would follow
/// the largest number, and rounds to infinity.
struct Halfway {
  std::vector<double> values, rounded;
};
Halfway halfway_between(std::vector<double> numbers, double limit) {
  if (limit > 0) numbers.push_back(limit);
  Halfway cases;
  for (std::size_t i = 0; i + 1 < numbers.size(); ++i) {
    const double low = numbers[i], next = numbers[i + 1], middle = low + (next - low) / 2;
    const double high = next == limit ? INFINITY : next;
    for (double sign : {1.0, -1.0}) {
      for (double value : {std::nextafter(middle, 0), middle, std::nextafter(middle, INFINITY)})
        cases.values.push_back(sign * value);
      for (double value : {low, i % 2 == 0 ? low : high, high}) cases.rounded.push_back(sign * value);
    }
  }
  return cases;
}

/// The elements of a random fill, from its definition.
std::vector<double> reference_uniform(std::int64_t size, double low, double high, const Rng& rng) {
  std::vector<double> values;
  for (std::int64_t i = 0; i < size; ++i) {
    const Philox random(rng.seed(), static_cast<std::uint64_t>(i), rng.stream());
    values.push_back(low + (high - low) * uniform_double(random.word[0], random.word[1]));
  }
  return values;
}

std::vector<double> reference_normal(std::int64_t size, double mean, double deviation, const Rng& rng) {
  std::vector<double> values;
  for (std::int64_t i = 0; i < size; ++i) {
    const Philox random(rng.seed(), static_cast<std::uint64_t>(i), rng.stream());
    const double u = uniform_double(random.word[0], random.word[1]), v = uniform_double(random.word[2], random.word[3]);
    values.push_back(mean + deviation * std::sqrt(-2 * std::log(1 - u)) * std::cos(2 * M_PI * v));
  }
  return values;
}

template <class Where>
Tensor compute_uniform(Where where, std::int64_t size, DType dtype, const Rng& rng) {
  return run_kernel(where, {}, {{{size}, dtype}},
                    [&](auto, auto out) { kernels::fill_uniform(where, out[0], -2, 3, rng.seed(), rng.stream()); })[0];
}

template <class Where>
Tensor compute_normal(Where where, std::int64_t size, DType dtype, const Rng& rng) {
  return run_kernel(where, {}, {{{size}, dtype}},
                    [&](auto, auto out) { kernels::fill_normal(where, out[0], 1, 2, rng.seed(), rng.stream()); })[0];
}

/// The same elements, but for log and cospi of a device, which are off by up to two places of double each (CUDA C++
/// Programming Guide, mathematical functions), and for the host's rounding of 2 pi v, up to 2^-50, which moves cos by
/// as much: with the square root and the products some 2^-49 of |want| + 2 sqrt(-2 log(1 - u)), the root at most
/// sqrt(-2 log 2^-53) < 8.6. The store rounds either to T.
bool near_normal(const Tensor& got, const std::vector<double>& want) {
  const std::vector<double> values = got.values();
  const int digits = got.dtype() == DType::f16 ? 11 : got.dtype() == DType::f32 ? 24 : 53;
  bool near = true;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double store = std::ldexp(std::abs(want[i]), -digits) + (digits == 11 ? 0x1p-25 : 0);
    near = near && std::abs(values[i] - want[i]) <= std::ldexp(std::abs(want[i]) + 2 * 8.6, -49) + store;
  }
  return near;
}

const Rng rng(0x123456789abcdef0, 0xfedcba9876543210);

}  // namespace

TEST_CASE("a fill writes every element and nothing beside") {
  for (std::int64_t size : sizes)
    for (DType dtype : all_dtypes)
      on_each_backend([&](auto where) {
        const std::int64_t guard = 19;
        const Tensor whole = Tensor::full({guard + size + guard}, 7, dtype, device_of(where));
        const Tensor part = whole.slice(guard, {size});
        std::vector<double> want(static_cast<std::size_t>(whole.numel()), 7);
        for (double value : {0.0, 3.0}) {
          if (value == 0)
            kernels::zero(where, part.view());
          else
            kernels::fill(where, part.view(), value);
          std::fill_n(want.begin() + guard, size, value);
          CHECK(whole.values() == want);
        }
      });
}

TEST_CASE("a fill rounds its value once, and keeps infinities, NaN and the sign of zero") {
  on_each_backend([&](auto where) {
    const Tensor x({300}, DType::f16, device_of(where));
    // Between 1 and 1 + 2^-10; by way of float the 2^-40 would be lost and the tie go to 1.
    kernels::fill(where, x.view(), 1 + 0x1p-11 + 0x1p-40);
    CHECK(x.values() == std::vector<double>(300, 1 + 0x1p-10));
    for (DType dtype : real_dtypes) {
      const Tensor y({300}, dtype, device_of(where));
      kernels::fill(where, y.view(), -INFINITY);
      CHECK(y.values() == std::vector<double>(300, -INFINITY));
      kernels::fill(where, y.view(), -0.0);
      for (double value : y.values()) CHECK((value == 0 && std::signbit(value)));
      kernels::fill(where, y.view(), NAN);
      for (double value : y.values()) CHECK(std::isnan(value));
    }
  });
  CHECK(Tensor::full({2}, -5, DType::i32).values() == std::vector<double>{-5, -5});
}

TEST_CASE("each of the 65,536 halfs means the same in float and double, and comes back") {
  const Tensor halfs = all_halfs();
  on_each_backend([&](auto where) {
    for (DType dtype : {DType::f32, DType::f64}) {
      const Tensor wide = compute_cast(where, halfs, dtype), back = compute_cast(where, wide, DType::f16);
      const std::vector<double> values = wide.values();
      const auto bits = halfs.span<half>(), returned = back.span<half>();
      std::size_t wrong = 0;
      for (std::size_t i = 0; i < values.size(); ++i) {
        const double want = meaning(i);
        if (device_of(where) == Device::cuda && std::isnan(want)) {  // a GPU has one NaN
          wrong += !std::isnan(values[i]) || !std::isnan(returned[i]);
          continue;
        }
        const std::uint16_t quiet = std::isnan(want) ? 0x200 : 0;
        wrong += std::isnan(want) ? !std::isnan(values[i]) : values[i] != want;
        wrong += std::signbit(values[i]) != (i >> 15 == 1);
        wrong += std::bit_cast<std::uint16_t>(returned[i]) != (std::bit_cast<std::uint16_t>(bits[i]) | quiet);
      }
      CHECK(wrong == 0);
    }
  });
}

TEST_CASE("conversions have the same bits on every instruction set and at every place, NaN included") {
  const Tensor halfs = all_halfs(), rest = halfs.slice(1, {65535});
  const CpuWith<Isa::portable> portable;
  for (DType to : {DType::f32, DType::f64}) {
    const Tensor wide = compute_cast(portable, halfs, to), narrow = compute_cast(portable, wide, DType::f16);
    on_each_isa([&](auto where) {
      CHECK(same_bits(compute_cast(where, halfs, to), wide));
      CHECK(same_bits(compute_cast(where, rest, to), wide.slice(1, {65535})));
      CHECK(same_bits(compute_cast(where, wide, DType::f16), narrow));
      CHECK(same_bits(compute_cast(where, wide.slice(1, {65535}), DType::f16), narrow.slice(1, {65535})));
    });
  }
}

TEST_CASE("double to half rounds once: at, just below and just above each middle between two halfs") {
  const Halfway cases = halfway_between(finite_halfs(), 65536);
  const Tensor exact = tensor_of(cases.values, DType::f64);
  CHECK(Tensor::from(cases.values, exact.shape(), DType::f16).values() == cases.rounded);
  on_each_backend([&](auto where) { CHECK(compute_cast(where, exact, DType::f16).values() == cases.rounded); });
}

TEST_CASE("float to half rounds once") {
  Halfway cases = halfway_between(finite_halfs(), 65536);
  // The middles are floats, but the doubles beside them are not: take the floats beside them.
  for (std::size_t i = 0; i < cases.values.size(); i += 3) {
    const auto middle = static_cast<float>(cases.values[i + 1]);
    cases.values[i] = static_cast<double>(std::nextafter(middle, 0.0f));
    cases.values[i + 2] = static_cast<double>(std::nextafter(middle, std::copysign(HUGE_VALF, middle)));
  }
  const Tensor exact = tensor_of(cases.values, DType::f32);
  on_each_backend([&](auto where) { CHECK(compute_cast(where, exact, DType::f16).values() == cases.rounded); });
}

TEST_CASE("double to float rounds once around 0, the least normal float, 1 and the largest") {
  for (std::uint32_t first : {0x00000000u, 0x007ffc00u, 0x3f7ffc00u, 0x7f7ff800u}) {
    std::vector<double> floats;
    for (std::uint32_t bits = first; bits < first + 0x800; ++bits)
      floats.push_back(static_cast<double>(std::bit_cast<float>(bits)));
    const Halfway cases = halfway_between(floats, first == 0x7f7ff800 ? 0x1p128 : 0);
    const Tensor exact = tensor_of(cases.values, DType::f64);
    on_each_backend([&](auto where) { CHECK(compute_cast(where, exact, DType::f32).values() == cases.rounded); });
  }
}

TEST_CASE("conversions of every size, from every type to every type") {
  for (std::int64_t size : sizes)
    for (DType from : real_dtypes)
      for (DType to : real_dtypes) {
        INFO(to_string(from) << " to " << to_string(to) << ' ' << size);
        const Tensor x = random_tensor({size}, from, 1, -100, 100);
        const Tensor want = Tensor::from(x.values(), x.shape(), to);
        CHECK(same_bits(x.to(to), want));
        on_each_backend([&](auto where) { CHECK(same_bits(compute_cast(where, x, to), want)); });
      }
}

TEST_CASE("element i of a random fill is the Philox formula, rounded once to each type") {
  for (std::int64_t size : sizes)
    for (DType dtype : real_dtypes) {
      INFO(to_string(dtype) << ' ' << size);
      const Tensor uniform = Tensor::from(reference_uniform(size, -2, 3, rng), {size}, dtype);
      const std::vector<double> exact = reference_normal(size, 1, 2, rng);
      const Tensor normal = Tensor::from(exact, {size}, dtype);
      on_each_backend([&](auto where) {
        CHECK(same_bits(compute_uniform(where, size, dtype, rng), uniform));
        const Tensor got = compute_normal(where, size, dtype, rng);
        CHECK(near_normal(got, exact));
        if (device_of(where) == Device::cpu) CHECK(same_bits(got, normal));
      });
    }
}

TEST_CASE("random fills do not depend on the number of threads, and differ between seeds and streams") {
  on(Device::cpu, [&](auto where) {
    const Tensor uniform = compute_uniform(where, 70001, DType::f32, rng);
    const Tensor normal = compute_normal(where, 70001, DType::f32, rng);
    with_threads([&] {
      CHECK(same_bits(compute_uniform(where, 70001, DType::f32, rng), uniform));
      CHECK(same_bits(compute_normal(where, 70001, DType::f32, rng), normal));
    });
    for (const Rng& other : {Rng(rng.seed() + 1, rng.stream()), Rng(rng.seed(), rng.stream() + 1)}) {
      CHECK_FALSE(same_bits(compute_uniform(where, 70001, DType::f32, other), uniform));
      CHECK_FALSE(same_bits(compute_normal(where, 70001, DType::f32, other), normal));
    }
  });
}

TEST_CASE("a uniform fill is even over its range") {
  constexpr int n = 200000, bins = 50;
  const std::vector<double> values =
      on(Device::cpu, [](auto where) { return compute_uniform(where, n, DType::f64, rng); }).values();
  std::array<double, bins> counts{};
  for (double x : values) {
    REQUIRE((x >= -2 && x < 3));
    ++counts[static_cast<std::size_t>((x + 2) / 5 * bins)];
  }
  double chi_squared = 0;
  for (double count : counts) chi_squared += (count - n / bins) * (count - n / bins) / (n / bins);
  // Mean 49, deviation sqrt(2 * 49): five deviations.
  CHECK(std::abs(chi_squared - 49) < 5 * std::sqrt(98));
}

TEST_CASE("a normal fill has the moments of the normal distribution, and neighbours are not correlated") {
  constexpr int n = 200000;
  const std::vector<double> values =
      on(Device::cpu, [](auto where) { return compute_normal(where, n, DType::f64, rng); }).values();
  double moments[5] = {}, neighbours = 0, last = 0;
  for (double x : values) {
    const double z = (x - 1) / 2;
    for (int k = 1; k <= 4; ++k) moments[k] += std::pow(z, k) / n;
    neighbours += z * last / n;
    last = z;
  }
  // The k-th power of a unit normal has mean 0, 1, 0, 3 and variance 1, 2, 15, 96: five deviations of the mean.
  CHECK(std::abs(moments[1]) < 5 * std::sqrt(1.0 / n));
  CHECK(std::abs(moments[2] - 1) < 5 * std::sqrt(2.0 / n));
  CHECK(std::abs(moments[3]) < 5 * std::sqrt(15.0 / n));
  CHECK(std::abs(moments[4] - 3) < 5 * std::sqrt(96.0 / n));
  CHECK(std::abs(neighbours) < 5 * std::sqrt(1.0 / n));
}
