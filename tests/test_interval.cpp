// SPDX-License-Identifier: MIT
#include "support.h"

#include <mpad/study/interval.h>

using namespace mpad;

namespace {

void check(const std::vector<Tally>& draws, double share, double low, double high) {
  const Share got = share_of(draws);
  CHECK(got.share == share);
  CHECK(got.low == Approx(low).margin(1e-5));
  CHECK(got.high == Approx(high).margin(1e-5));
}

}  // namespace

TEST_CASE("one draw has Wilson's interval of its pairs") {
  // z^2 / n = 3.841459 / 10 = 0.3841459; (0.5 +- (0.25 * 0.3841459 + 0.1475681 / 4)^(1/2) + 0.1920729) / 1.3841459
  check({{5, 10}}, 0.5, 0.236593, 0.763407);
  // 3.841459 / 23.841459
  check({{0, 20}}, 0, 0, 0.161125);
  check({{20, 20}}, 1, 0.838875, 1);
}

TEST_CASE("draws that agree have a design effect of 1 and Student's quantile") {
  // t = 2.7764 of 4 degrees; q = 7.708397 / 10 = 0.7708397; (0.5 +- (0.25 q + q^2 / 4)^(1/2) + q / 2) / (1 + q)
  check({{1, 2}, {1, 2}, {1, 2}, {1, 2}, {1, 2}}, 0.5, 0.170115, 0.829885);
}

TEST_CASE("draws that differ count for fewer pairs") {
  // Variance between draws 2/1 * ((0 - 2)^2 + (4 - 2)^2) / 64 = 1/4, of independent pairs 0.25 / 8 = 1/32: 8 pairs
  // count for 1.
  // t = 12.7062 of 1 degree; q = 161.447518.
  check({{0, 4}, {4, 4}}, 0.5, 0.001541, 0.998459);
  // Draws of different sizes, share 4/10. Squares (1 - 0.8)^2 + (0 - 1.6)^2 + (3 - 1.6)^2 = 4.56, so between draws 3/2
  // * 4.56 / 100 = 0.0684, of independent pairs 0.024: 10 pairs count for 10 / 2.85. t = 4.3027 of 2 degrees; q
  // = 5.276.
  check({{1, 2}, {0, 4}, {3, 4}}, 0.4, 0.027090, 0.941044);
}

TEST_CASE("where all pairs agree each draw counts once") {
  // 3.841459 / (5 + 3.841459)
  check({{0, 8}, {0, 8}, {0, 8}, {0, 8}, {0, 8}}, 0, 0, 0.434482);
  check({{8, 8}, {8, 8}, {8, 8}, {8, 8}, {8, 8}}, 1, 0.565518, 1);
  check({{0, 8}, {0, 8}, {0, 8}, {0, 8}, {0, 8}, {0, 0}}, 0, 0, 0.434482);
}

TEST_CASE("beyond the table the quantile is Student's still") {
  // 41 draws of a pair, 20 hits; squares 20 * (21/41)^2 + 21 * (20/41)^2 = 10.243902; between 41/40 * that / 1681, over
  // 0.2498513 / 41 is 1.025: 40 pairs; t = 2.0211 of 40 degrees.
  std::vector<Tally> draws(41, Tally{0, 1});
  for (int i = 0; i < 20; ++i) draws[static_cast<std::size_t>(i)].hits = 1;
  const Share got = share_of(draws);
  const double q = 2.0211 * 2.0211 / 40, p = 20.0 / 41, half = std::sqrt(p * (1 - p) * q + q * q / 4);
  CHECK(got.low == Approx((p + q / 2 - half) / (1 + q)).epsilon(1e-4));
  CHECK(got.high == Approx((p + q / 2 + half) / (1 + q)).epsilon(1e-4));
}

TEST_CASE("no pairs have no share") {
  CHECK(std::isnan(share_of({}).share));
  const std::vector<Tally> empty{{0, 0}};
  CHECK(std::isnan(share_of(empty).share));
  CHECK(share_of(empty).low == 0);
  CHECK(share_of(empty).high == 1);
}
