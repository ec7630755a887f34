// SPDX-License-Identifier: MIT
#include "support.h"

#include <mpad/nn/layers.h>
#include <mpad/nn/relu_pool.h>
#include <mpad/study/pool_noise.h>

using namespace mpad;

namespace {

// The noise of a pool with windows of two on this row of pixels.
PoolNoise noise_of(double beta, const std::vector<double>& row, DType dtype = DType::f16) {
  const MaxPool2dOptions options{.window = {1, 2}, .ties = TieRule::beta(beta)};
  MaxPool2d pool(options);
  return measure_pool_noise(pool, Tensor::from(row, {1, 1, std::ssize(row), 1}, dtype)).at(0);
}

}  // namespace

TEST_CASE("a composed forward that rounds nothing has no noise") {
  for (const double beta : {0.0, 1.0}) {
    const PoolNoise noise = noise_of(beta, {0.1, 0.3, 0.7, 0.2});
    CHECK(noise.values == 2);
    CHECK(noise.nonfinite == 0);
    CHECK(noise.zeroed == 0);
    CHECK(noise.signal_to_noise_db == INFINITY);
  }
}

TEST_CASE("the noise is the rounding of beta * max + (1 - beta) * max") {
  // In half, 10 * 0.3 (1229 * 2^-12) is 3.000488 (between 1536 and 1537 units of 2^-9, to even: 3), and -9 * 0.3 is
  // -2.7004395 (to -2.701171875, 1383 * 2^-9): their sum is 153 * 2^-9. 10 * 1 - 9 * 1 is exact.
  const double exact = 1229 * std::ldexp(1, -12), composed = 153 * std::ldexp(1, -9);
  const PoolNoise noise = noise_of(10, {exact, 0, 1, 0});
  CHECK(noise.signal_to_noise_db == 10 * std::log10((exact * exact + 1) / std::pow(composed - exact, 2)));
}

TEST_CASE("values that overflow or vanish are counted") {
  // 1e4 * 8 overflows in half; 1e4 * 2.5 is 25000 (rounded to 24992 or 25008) as 9999 * 2.5 is, and their difference 0.
  const PoolNoise noise = noise_of(1e4, {8, 0, 2.5, 1, 0, 0});
  CHECK(noise.values == 3);
  CHECK(noise.nonfinite == 1);
  CHECK(noise.zeroed == 1);
  CHECK(noise.signal_to_noise_db == 0);  // all that is finite and not 0 is lost
  const PoolNoise lost = noise_of(1e4, {8, 0});
  CHECK(lost.nonfinite == 1);
  CHECK(std::isnan(lost.signal_to_noise_db));
  CHECK(noise_of(1e4, {8, 0, 2.5, 1}, DType::f64).nonfinite == 0);
}

TEST_CASE("each max pool of a network is measured in place, whatever its own forward") {
  const Tensor x = test::random_tensor({2, 8, 8, 3}, DType::f16, 1);
  for (const PoolForward forward : {PoolForward::exact, PoolForward::composed}) {
    Sequential network;
    const PoolLayer layer{.options = {.ties = TieRule::beta(100), .forward = forward}};
    append_relu_pool(network, 0, layer);
    network.append(AvgPool2d({.window = 1}));
    network.append(make_pool(layer));
    const std::vector<PoolNoise> noise = measure_pool_noise(network, x);
    REQUIRE(noise.size() == 2);
    CHECK(noise[0].layer == (forward == PoolForward::exact ? "0" : "0.1"));
    CHECK(noise[1].layer == "3");
    CHECK(noise[0].values == 2 * 4 * 4 * 3);
    CHECK(noise[1].values == 2 * 2 * 2 * 3);
    const Tensor behind = maxpool2d(relu(x), layer.options);
    MaxPool2d alone(layer.options);
    CHECK(noise[0].signal_to_noise_db == measure_pool_noise(alone, relu(x))[0].signal_to_noise_db);
    CHECK(noise[0].signal_to_noise_db < 60);
    CHECK(noise[1].signal_to_noise_db == measure_pool_noise(alone, behind)[0].signal_to_noise_db);
    CHECK_FALSE(network.is_training());
  }
}
