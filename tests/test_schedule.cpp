// SPDX-License-Identifier: MIT
#include "support.h"

#include <mpad/schedule.h>

using namespace mpad;
using Kind = Schedule::Kind;

TEST_CASE("a constant schedule is 1") {
  const Schedule schedule;
  for (int i : {0, 1, 1000}) CHECK(schedule.factor(i) == 1);
}

TEST_CASE("a step schedule multiplies by gamma after each period") {
  const Schedule schedule{.kind = Kind::step, .total = 10, .every = 3, .gamma = 0.5};
  const double want[] = {1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125};
  for (int i = 0; i < 10; ++i) CHECK(schedule.factor(i) == want[i]);
}

TEST_CASE("a cosine schedule falls from 1 to 0") {
  const Schedule schedule{.kind = Kind::cosine, .total = 8};
  CHECK(schedule.factor(0) == 1);
  // cos is within a unit in the last place of its value, at most 2^-53 of 1.
  CHECK(std::abs(schedule.factor(4) - 0.5) <= 0x1p-52);
  CHECK(std::abs(schedule.factor(2) - (2 + std::sqrt(2.0)) / 4) <= 0x1p-52);
  CHECK(std::abs(schedule.factor(8)) <= 0x1p-52);
  CHECK(schedule.factor(9) == schedule.factor(8));
  for (int i = 0; i < 8; ++i) CHECK(schedule.factor(i + 1) < schedule.factor(i));
}

TEST_CASE("warm-up rises to the base rate, and the schedule starts after it") {
  const Schedule schedule{.kind = Kind::cosine, .total = 12, .warmup = 4};
  for (int i = 0; i < 4; ++i) CHECK(schedule.factor(i) == (i + 1) / 4.0);
  CHECK(schedule.factor(4) == 1);
  CHECK(std::abs(schedule.factor(8) - 0.5) <= 0x1p-52);
}
