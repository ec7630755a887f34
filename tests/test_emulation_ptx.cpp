// SPDX-License-Identifier: MIT
// The host implementations of the PTX wrappers against naive products and copies. That the instructions do the same is
// for a GPU to say: there the same kernels run on the device.
#include <emulation/settings.h>

#include <device_array.h>
#include <exercises.h>
#include <faults.h>

#include <cmath>
#include <limits>
#include <random>

#include "catch.h"

using namespace mpad::test;
using mpad::emulation::settings;
using mpad::emulation::SettingsScope;

namespace {

// Integers from -8 to 8: products of 16 of them and their sums are exact in half and float.
std::vector<float> small_integers(std::size_t n, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<float> values(n);
  for (float& value : values) value = static_cast<float>(static_cast<int>(random() % 17) - 8);
  return values;
}

std::vector<__half> to_half(const std::vector<float>& values) {
  std::vector<__half> halves;
  for (const float value : values) halves.push_back(__float2half(value));
  return halves;
}

// The larger, NaN first, then +0 before -0.
float larger(float a, float b) {
  if (std::isnan(a) || std::isnan(b)) return NAN;
  if (a == b) return std::signbit(a) ? b : a;
  return a > b ? a : b;
}
bool same(float a, float b) { return std::isnan(a) ? std::isnan(b) : a == b && std::signbit(a) == std::signbit(b); }

// Every pair of numbers that comparisons treat in a way of their own.
struct Pairs {
  std::vector<float> a, b;
  explicit Pairs(float least) {
    const std::vector<float> values{NAN, -INFINITY, -2, -1, -least, -0.0f, 0.0f, least, 1, 2, INFINITY};
    for (float left : values)
      for (float right : values) a.push_back(left), b.push_back(right);
  }
};

}  // namespace

TEST_CASE("ldmatrix and mma multiply a 16x16 and a 16x8 tile of halves") {
  const SettingsScope scope;
  settings().order = static_cast<mpad::emulation::Order>(GENERATE(0, 1, 2));
  const std::vector<float> a = small_integers(256, 1), b = small_integers(128, 2);
  const DeviceArray<__half> device_a(to_half(a)), device_b(to_half(b));
  const DeviceArray<float> c(128);
  multiply_half(device_a.data(), device_b.data(), c.data());
  const std::vector<float> got = c.values();
  for (int i = 0; i < 16; ++i)
    for (int j = 0; j < 8; ++j) {
      float want = 0;
      for (int k = 0; k < 16; ++k) want += a[16 * i + k] * b[8 * k + j];
      INFO("element " << i << "," << j);
      CHECK(got[8 * i + j] == want);
    }
}

TEST_CASE("a warpgroup multiplies slices of halves, however they lie in shared memory") {
  const SettingsScope scope;
  settings().order = static_cast<mpad::emulation::Order>(GENERATE(0, 1, 2));
  const bool a_transposed = GENERATE(false, true), b_transposed = GENERATE(false, true);
  const std::vector<float> a = small_integers(128 * 32, 1), b = small_integers(32 * 128, 2);
  const DeviceArray<__half> device_a(to_half(a)), device_b(to_half(b));
  const DeviceArray<float> c(128 * 128);
  multiply_by_group(a_transposed, b_transposed, device_a.data(), device_b.data(), c.data());
  std::vector<float> want(128 * 128);
  for (std::size_t i = 0; i < 128; ++i)
    for (std::size_t k = 0; k < 32; ++k)
      for (std::size_t j = 0; j < 128; ++j) want[128 * i + j] += a[32 * i + k] * b[128 * k + j];
  CHECK(c.values() == want);
}

TEST_CASE("the double mma adds the product of an 8x4 and a 4x8 tile") {
  const std::vector<float> a = small_integers(32, 3), b = small_integers(32, 4), c = small_integers(64, 5);
  const DeviceArray<double> device_a(std::vector<double>(a.begin(), a.end())),
      device_b(std::vector<double>(b.begin(), b.end())), device_c(std::vector<double>(c.begin(), c.end()));
  multiply_double(device_a.data(), device_b.data(), device_c.data());
  const std::vector<double> got = device_c.values();
  for (int i = 0; i < 8; ++i)
    for (int j = 0; j < 8; ++j) {
      double want = c[8 * i + j];
      for (int k = 0; k < 4; ++k) want += static_cast<double>(a[4 * i + k]) * b[8 * k + j];
      INFO("element " << i << "," << j);
      CHECK(got[8 * i + j] == want);
    }
}

TEST_CASE("halves are compared two at a time: the larger or a NaN, equal, unequal") {
  const Pairs pairs(std::ldexp(1.0f, -24));
  const std::size_t n = pairs.a.size();
  std::vector<float> a, b;  // each pair beside one from the other end, so that lanes differ
  for (std::size_t i = 0; i < n; ++i) {
    a.insert(a.end(), {pairs.a[i], pairs.a[n - 1 - i]});
    b.insert(b.end(), {pairs.b[i], pairs.b[n - 1 - i]});
  }
  const DeviceArray<__half> device_a(to_half(a)), device_b(to_half(b));
  const DeviceArray<std::uint32_t> y(3 * n);
  compare_halves(device_a.data(), device_b.data(), y.data(), static_cast<int>(n));
  const std::vector<std::uint32_t> got = y.values();
  for (std::size_t i = 0; i < 2 * n; ++i) {
    const auto half = [&](std::size_t k) { return static_cast<unsigned short>(got[3 * (i / 2) + k] >> 16 * (i % 2)); };
    INFO(a[i] << " and " << b[i]);
    CHECK(same(__half2float(__half(__half_raw{half(0)})), larger(a[i], b[i])));
    CHECK(half(1) == (a[i] == b[i] ? 0xFFFF : 0));
    CHECK(half(2) == (a[i] < b[i] || a[i] > b[i] ? 0xFFFF : 0));
  }
}

TEST_CASE("the larger of two floats, or a NaN") {
  const Pairs pairs(std::numeric_limits<float>::denorm_min());
  const std::size_t n = pairs.a.size();
  const DeviceArray<float> a(pairs.a), b(pairs.b), y(n);
  compare_floats(a.data(), b.data(), y.data(), static_cast<int>(n));
  const std::vector<float> got = y.values();
  for (std::size_t i = 0; i < n; ++i) {
    INFO(pairs.a[i] << " and " << pairs.b[i]);
    CHECK(same(got[i], larger(pairs.a[i], pairs.b[i])));
  }
}

TEST_CASE("cp.async copies the valid bytes and zeros behind them") {
  const int valid = GENERATE(0, 2, 4, 8, 10, 16);
  std::vector<char> values(16);
  for (int i = 0; i < 16; ++i) values[i] = static_cast<char>(i + 1);
  const DeviceArray<char> x(values), y(48);
  copy_async(x.data(), y.data(), valid);
  const std::vector<char> got = y.values();
  for (int i = 0; i < 48; ++i) {
    INFO("byte " << i << ", valid " << valid);
    CHECK(got[i] == (i % 16 < valid ? i % 16 + 1 : 0));
  }
}

TEST_CASE("a pipeline of asynchronous copies") {
  const SettingsScope scope;
  settings().order = static_cast<mpad::emulation::Order>(GENERATE(0, 1, 2));
  const std::vector<float> values = small_integers(128, 6);
  const DeviceArray<float> x(values), y(128);
  pipeline(x.data(), y.data());
  const std::vector<float> got = y.values();
  for (int i = 0; i < 128; ++i) CHECK(got[i] == values[i / 32 * 32 + 31 - i % 32] + 1);
}

TEST_CASE("a copy is not there before the wait for it") {
  const DeviceArray<float> x(std::vector<float>{5, 6, 7, 8}), y(2);
  read_before_copy(x.data(), y.data());
  CHECK(std::isnan(y.values()[0]));
  CHECK(y.values()[1] == 5);
}
