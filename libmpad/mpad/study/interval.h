// SPDX-License-Identifier: MIT
#pragma once
#include <cstdint>
#include <span>

namespace mpad {

/// What one draw of weights contributes to a share.
struct Tally {
  std::int64_t hits = 0, count = 0;
};

/// A share and its 95 % interval.
struct Share {
  double share = 0, low = 0, high = 1;
};

/// Hits over count, with an interval that takes draws for clusters: pairs of one draw resemble each other.
///
/// Wilson's score interval (JASA 1927) with the effective number of pairs, which is their number over the design effect
/// (Kish, 1965): the variance of the share as a ratio of the draws' totals over the variance of as many independent
/// pairs, at least 1. The quantile is Student's for one degree of freedom less than there are draws. Where all pairs
/// agree they do not tell how much draws differ, and each draw counts once; of one draw, whose pairs are all there is,
/// they count as independent. Draws without pairs are left out; without any, the share is NaN.
Share share_of(std::span<const Tally> draws);

}  // namespace mpad
