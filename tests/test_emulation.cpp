// SPDX-License-Identifier: MIT
// What CUDA promises, kept by the emulation in every order of threads.
#include <emulation/settings.h>

#include <device_array.h>
#include <exercises.h>
#include <faults.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "catch.h"

using namespace mpad::test;
using mpad::emulation::Order;
using mpad::emulation::settings;
using mpad::emulation::SettingsScope;

namespace {

// A test body runs once in each order.
Order generate_order() { return static_cast<Order>(GENERATE(0, 1, 2)); }

std::vector<float> ramp(std::size_t n, float first = 0) {
  std::vector<float> values(n);
  std::iota(values.begin(), values.end(), first);
  return values;
}

}  // namespace

TEST_CASE("every thread of a three-dimensional grid runs once") {
  const SettingsScope scope;
  settings().order = generate_order();
  const DeviceArray<int> y(720);
  number_threads(y.data());
  std::vector<int> want(720);
  std::iota(want.begin(), want.end(), 0);
  CHECK(y.values() == want);
}

TEST_CASE("blocks of a cluster read each other's shared memory, on any number of OS threads") {
  const SettingsScope scope;
  settings().order = generate_order();
  settings().workers = GENERATE(1U, 2U);
  const unsigned size = GENERATE(1U, 2U, 8U);
  constexpr unsigned clusters = 30;
  const DeviceArray<float> x(ramp(clusters * 64)), y(std::size_t{clusters} * size * 64);
  sum_over_cluster(x.data(), y.data(), clusters, size);
  const std::vector<float> got = y.values();
  for (unsigned i = 0; i < got.size(); ++i) {
    INFO("element " << i);
    const unsigned of_x = i / (64 * size) * 64 + i % 64;
    CHECK(got[i] == static_cast<float>(size * of_x + size * (size - 1) / 2));
  }
}

TEST_CASE("blocks reduce through shared memory and vote at barriers, on any number of OS threads") {
  const SettingsScope scope;
  settings().order = generate_order();
  settings().workers = GENERATE(1U, 2U);
  constexpr int blocks = 50;
  const DeviceArray<float> x(ramp(blocks * 256, -256)), sums(blocks);
  const DeviceArray<int> votes(3 * blocks);
  sum_blocks(x.data(), sums.data(), votes.data(), blocks);
  const std::vector<float> got = sums.values();
  const std::vector<int> votes_got = votes.values();
  for (int b = 0; b < blocks; ++b) {
    INFO("block " << b);
    const int first = 256 * b - 256;
    CHECK(got[b] == static_cast<float>(256 * first + 255 * 128));
    CHECK(votes_got[3 * b] == (b == 0 ? 0 : b == 1 ? 255 : 256));
    CHECK(votes_got[3 * b + 1] == (b > 0));
    CHECK(votes_got[3 * b + 2] == (b > 1));
  }
}

TEST_CASE("dynamic shared memory has the size of the launch") {
  const SettingsScope scope;
  settings().order = generate_order();
  const DeviceArray<float> x(ramp(64)), y(64);
  reverse(x.data(), y.data());
  std::vector<float> want = ramp(64);
  std::reverse(want.begin(), want.end());
  CHECK(y.values() == want);
}

TEST_CASE("shuffles stay in their segment") {
  const SettingsScope scope;
  settings().order = generate_order();
  const int width = GENERATE(8, 16, 32);
  const DeviceArray<int> y(128);
  shuffle(y.data(), width);
  const std::vector<int> got = y.values();
  for (int lane = 0; lane < 32; ++lane) {
    INFO("lane " << lane << ", width " << width);
    const int first = lane / width * width;
    CHECK(got[4 * lane] == first + 1);
    CHECK(got[4 * lane + 1] == (lane - 3 >= first ? lane - 3 : lane));
    CHECK(got[4 * lane + 2] == (lane + 3 < first + width ? lane + 3 : lane));
    CHECK(got[4 * lane + 3] == (lane % 2 ? lane - 1 : lane + 1));
  }
}

TEST_CASE("lanes with disjoint masks exchange at the same and at different lines") {
  const SettingsScope scope;
  settings().order = generate_order();
  const DeviceArray<int> y(64);
  sum_in_partial_masks(y.data());
  const std::vector<int> got = y.values();
  for (int lane = 0; lane < 32; ++lane) {
    CHECK(got[lane] == (lane % 2 ? 256 : 240));
    CHECK(got[32 + lane] == (lane < 16 ? 7 : 31));
  }
}

TEST_CASE("lanes vote") {
  const SettingsScope scope;
  settings().order = generate_order();
  const DeviceArray<int> y(4);
  vote(y.data());
  CHECK(y.values() == std::vector<int>{static_cast<int>(0xaaaaaaaa), 1, 1, 0});
}

TEST_CASE("barriers do not wait for threads that returned") {
  const SettingsScope scope;
  settings().order = generate_order();
  const int threads = GENERATE(1, 32, 100, 1024);
  const DeviceArray<int> y(static_cast<std::size_t>(threads));
  leave_early(y.data(), threads);
  const std::vector<int> got = y.values();
  for (int i = 0; i < threads; ++i) CHECK(got[i] == i % 4);
}

TEST_CASE("integer atomics count across OS threads") {
  const SettingsScope scope;
  settings().workers = 2;
  const DeviceArray<float> x(ramp(20000, -5000));
  const DeviceArray<unsigned> count(std::vector<unsigned>{0});
  count_positive(x.data(), count.data(), 20000);
  CHECK(count.values()[0] == 14999);
}

TEST_CASE("halves are read and written sixteen bytes at a time") {
  std::vector<__half> values(80);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = __float2half(static_cast<float>(i));
  const DeviceArray<__half> x(values), y(80);
  twice(x.data(), y.data(), 80);
  const std::vector<__half> got = y.values();
  for (std::size_t i = 0; i < got.size(); ++i) CHECK(__half2float(got[i]) == 2 * static_cast<float>(i));
}

TEST_CASE("a race is seen in reversed order and not in forward order") {
  const SettingsScope scope;
  const DeviceArray<float> y(128);
  settings().order = Order::forward;
  race_without_barrier(y.data());
  CHECK(y.values() == ramp(128, -1));
  settings().order = Order::reversed;
  race_without_barrier(y.data());
  CHECK(y.values() != ramp(128, -1));
}

TEST_CASE("shared and device memory is NaN until it is written") {
  const DeviceArray<float> fresh(64);
  for (const float value : fresh.values()) CHECK(std::isnan(value));
  const DeviceArray<float> y(std::vector<float>(64, 0.0F));
  read_uninitialised_shared(y.data());
  for (const float value : y.values()) CHECK(std::isnan(value));
}
