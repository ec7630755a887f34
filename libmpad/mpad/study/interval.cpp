// SPDX-License-Identifier: MIT
#include <mpad/study/interval.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace mpad {
namespace {

constexpr double normal_quantile = 1.959964;

// Student's, of 97.5 %: tabulated, then Fisher's expansion (Abramowitz and Stegun 26.7.5), right to 3e-4.
double student_quantile(std::int64_t degrees) {
  constexpr std::array table = {12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281,
                                2.2010,  2.1788, 2.1604, 2.1448, 2.1314, 2.1199, 2.1098, 2.1009, 2.0930, 2.0860};
  if (degrees <= static_cast<std::int64_t>(table.size())) return table[static_cast<std::size_t>(degrees - 1)];
  const double z = normal_quantile, n = static_cast<double>(degrees);
  return z + (std::pow(z, 3) + z) / (4 * n) + (5 * std::pow(z, 5) + 16 * std::pow(z, 3) + 3 * z) / (96 * n * n);
}

Share wilson(double share, double count, double quantile) {
  const double q = quantile * quantile / count;
  const double middle = share + q / 2, half = std::sqrt(share * (1 - share) * q + q * q / 4);
  return {share, std::max(0.0, (middle - half) / (1 + q)), std::min(1.0, (middle + half) / (1 + q))};
}

}  // namespace

Share share_of(std::span<const Tally> draws) {
  double hits = 0, count = 0, clusters = 0;
  for (const Tally& draw : draws) {
    hits += static_cast<double>(draw.hits);
    count += static_cast<double>(draw.count);
    clusters += draw.count > 0;
  }
  if (count == 0) return {.share = std::numeric_limits<double>::quiet_NaN()};
  const double share = hits / count;
  if (clusters == 1) return wilson(share, count, normal_quantile);
  if (hits == 0 || hits == count) return wilson(share, clusters, normal_quantile);
  double squares = 0;
  for (const Tally& draw : draws)
    squares += std::pow(static_cast<double>(draw.hits) - share * static_cast<double>(draw.count), 2);
  const double between = clusters / (clusters - 1) * squares / (count * count);
  const double design_effect = std::max(1.0, between / (share * (1 - share) / count));
  return wilson(share, count / design_effect, student_quantile(static_cast<std::int64_t>(clusters) - 1));
}

}  // namespace mpad
