// SPDX-License-Identifier: MIT
// The pools of a network by their kind.
#include "support.h"

#include <mpad/nn/relu_pool.h>

using namespace mpad;
using namespace mpad::test;

TEST_CASE("a pool of each kind has the window, stride and pad asked for, and the rest where it has a meaning") {
  const MaxPool2dOptions options{.window = 3, .stride = 2, .pad = 1, .ties = TieRule::minimal()};
  const Tensor x = random_tensor({2, 6, 7, 3}, DType::f32, 1);
  const auto max = make_pool(PoolKind::max, options), average = make_pool(PoolKind::average, options),
             norm = make_pool(PoolKind::norm, options, 1);
  CHECK(max->describe() == "MaxPool2d(3x3, stride 2x2, pad 1x1, ties minimal)");
  CHECK(average->describe() == "AvgPool2d(3x3, stride 2x2, pad 1x1)");
  CHECK(norm->describe() == "NormPool2d(3x3, stride 2x2, pad 1x1, at zero 1)");
  CHECK(same_bits((*max)(x), maxpool2d(x, options)));
  CHECK(same_bits((*average)(x), avgpool2d(x, {.window = 3, .stride = 2, .pad = 1})));
  CHECK(same_bits((*norm)(x), normpool2d(x, {.window = 3, .stride = 2, .pad = 1})));
}

TEST_CASE("kinds have names") {
  CHECK(to_string(PoolKind::max) == std::string("max"));
  CHECK(to_string(PoolKind::average) == std::string("average"));
  CHECK(to_string(PoolKind::norm) == std::string("norm"));
}

TEST_CASE("averages and norms have neither dilation nor ceil mode") {
  CHECK_NOTHROW(make_pool(PoolKind::max, {.dilation = 2, .ceil_mode = true}));
  CHECK_THROWS_WITH(make_pool(PoolKind::average, {.dilation = 2}),
                    "make_pool: expected pools of kind average without dilation and ceil mode, got dilation 2x2");
  CHECK_THROWS_WITH(
      make_pool(PoolKind::norm, {.ceil_mode = true}),
      "make_pool: expected pools of kind norm without dilation and ceil mode, got dilation 1x1 and ceil mode");
}

TEST_CASE("a max pool may have another forward in evaluation") {
  const Tensor x = random_tensor({2, 4, 4, 3}, DType::f16, 1);
  MaxPool2dOptions exact{.ties = TieRule::beta(1000)}, composed = exact;
  composed.forward = PoolForward::composed;
  const Tensor of_exact = maxpool2d(x, exact), of_composed = maxpool2d(x, composed);
  REQUIRE_FALSE(same_bits(of_exact, of_composed));
  exact.test_forward = PoolForward::composed;
  composed.test_forward = PoolForward::exact;
  MaxPool2d first(exact), second(composed);
  CHECK(same_bits(first(x), of_exact));
  CHECK(same_bits(second(x), of_composed));
  first.train(false);
  second.train(false);
  CHECK(same_bits(first(x), of_composed));
  CHECK(same_bits(second(x), of_exact));
}

TEST_CASE("ReLU and a max pool with a composed forward in evaluation run apart") {
  const Tensor x = random_tensor({2, 4, 4, 3}, DType::f16, 1);
  PoolLayer layer{.options = {.ties = TieRule::beta(1000), .test_forward = PoolForward::composed}};
  const auto both = relu_pool(0, layer);
  CHECK(same_bits((*both)(x), relu_maxpool2d(x, 0, {.ties = TieRule::beta(1000)})));
  both->train(false);
  CHECK(same_bits((*both)(x), maxpool2d(relu(x), {.ties = TieRule::beta(1000), .forward = PoolForward::composed})));
}
