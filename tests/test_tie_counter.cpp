// SPDX-License-Identifier: MIT
#include "backends.h"

#include <mpad/nn/batch_norm.h>
#include <mpad/nn/layers.h>
#include <mpad/nn/lenet.h>
#include <mpad/study/tie_counter.h>

#include <limits>

using namespace mpad;
using namespace mpad::test;

namespace {

const double not_a_number = std::numeric_limits<double>::quiet_NaN();

// Eight windows of 2x2, side by side: no tie, ties at 0, -0 and 0, a tie above 0, below 0, and NaN once and twice, and
// ties only below the maximum.
Tensor windows(DType dtype, Device device) {
  return Tensor::from({1,
                       2,
                       0,
                       0,
                       -0.0,
                       -1,
                       3,
                       3,
                       -2,
                       -2,
                       not_a_number,
                       1,
                       not_a_number,
                       1,
                       1,
                       1,  //
                       0,
                       0,
                       0,
                       0,
                       0,
                       -1,
                       1,
                       3,
                       -2,
                       -3,
                       0,
                       1,
                       not_a_number,
                       1,
                       1,
                       2},
                      {1, 2, 16, 1}, dtype)
      .to(device);
}

void check(const LayerTies& got, const LayerTies& want) {
  CHECK(got.layer == want.layer);
  CHECK(got.windows == want.windows);
  CHECK(got.zero_ties == want.zero_ties);
  CHECK(got.positive_ties == want.positive_ties);
  CHECK(got.behind_relu == want.behind_relu);
}

}  // namespace

TEST_CASE("ties are counted in every window, those at 0 apart") {
  for (Device device : devices())
    for (DType dtype : real_dtypes) {
      Sequential net{Identity(), MaxPool2d()};
      TieCounter counter(net);
      net(windows(dtype, device));
      REQUIRE(counter.layers().size() == 1);
      check(counter.layers()[0], {.layer = "1", .windows = 8, .zero_ties = 2, .positive_ties = 3});
    }
}

TEST_CASE("a ReLU makes ties at 0, be it apart, in the pool, or in a normalisation") {
  for (Device device : devices())
    for (DType dtype : real_dtypes) {
      Sequential net{Relu(), Identity(), MaxPool2d(), Identity()};
      TieCounter counter(net);
      net(windows(dtype, device));
      Sequential fused{ReluMaxPool2d()};
      {
        TieCounter inner(fused);
        fused(windows(dtype, device));
        REQUIRE(inner.layers().size() == 1);
        check(inner.layers()[0], {.layer = "0", .windows = 8, .zero_ties = 3, .positive_ties = 2, .behind_relu = true});
      }
      REQUIRE(counter.layers().size() == 1);
      check(counter.layers()[0], {.layer = "2", .windows = 8, .zero_ties = 3, .positive_ties = 2, .behind_relu = true});

      // Channel 0 is 1 and -1, channel 1 all 2: normalised, 1 and -1, and 0.
      Sequential norm{BatchNorm2d(2, {.relu = true}), MaxPool2d({.window = {1, 2}}), BatchNorm2d(2),
                      MaxPool2d({.window = 1})};
      norm.to(dtype);
      norm.to(device);
      TieCounter of_norm(norm);
      norm(Tensor::from({1, 2, 1, 2, -1, 2, -1, 2}, {1, 1, 4, 2}, dtype).to(device));
      REQUIRE(of_norm.layers().size() == 2);
      check(of_norm.layers()[0], {.layer = "1", .windows = 4, .zero_ties = 3, .positive_ties = 1, .behind_relu = true});
      check(of_norm.layers()[1], {.layer = "3", .windows = 4});
    }
}

TEST_CASE("a ReLU that lets gradients through at 0 makes no ties that carry none") {
  Sequential apart{Relu({.alpha = 1}), MaxPool2d()}, fused{ReluMaxPool2d({.alpha = 1}), Identity()},
      norm{BatchNorm2d(1, {.relu = true, .alpha = 1}), MaxPool2d()};
  for (Sequential* net : {&apart, &fused, &norm}) {
    TieCounter counter(*net);
    (*net)(windows(DType::f32, Device::cpu));
    REQUIRE(counter.layers().size() == 1);
    CHECK((net == &norm || counter.layers()[0].zero_ties > 0));  // normalised, the NaN are everywhere
    CHECK_FALSE(counter.layers()[0].behind_relu);
  }
}

TEST_CASE("a tie is at 0 where the maximum is, whatever the study's sum of two makes of it") {
  // round(round(1e4 m) + round(-9999 m)) is 0 for a maximum of 1 in half.
  Sequential net{Relu(), MaxPool2d({.ties = TieRule::beta(1e4), .forward = PoolForward::composed})};
  TieCounter counter(net);
  const Tensor y = net(Tensor::from({1, 1, 0, 0}, {1, 2, 2, 1}, DType::f16));
  CHECK(y.values() == std::vector<double>{0});
  REQUIRE(counter.layers().size() == 1);
  check(counter.layers()[0], {.layer = "1", .windows = 1, .positive_ties = 1, .behind_relu = true});
}

TEST_CASE("each call counts, in order, and nothing is recorded") {
  Lenet net;
  Tape tape;
  const Tensor x = random_tensor({3, 28, 28, 1}, DType::f32, 1);
  net(x);
  const std::size_t operations = tape.size();
  TieCounter counter(net);
  net(x);
  // Where calls are observed, the two ReLUs behind linear layers are operations of their own.
  CHECK(tape.size() == 2 * operations + 2);
  REQUIRE(counter.layers().size() == 2);
  CHECK(counter.layers()[0].layer == "1");
  CHECK(counter.layers()[0].windows == 3 * 12 * 12 * 6);
  CHECK(counter.layers()[1].layer == "4");
  CHECK(counter.layers()[1].windows == 3 * 4 * 4 * 16);
  net(x);
  CHECK(counter.layers().size() == 4);
}
