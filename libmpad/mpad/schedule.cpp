// SPDX-License-Identifier: MIT
#include <mpad/schedule.h>

#include <algorithm>
#include <cmath>

namespace mpad {

double Schedule::factor(std::int64_t i) const {
  if (i < warmup) return static_cast<double>(i + 1) / static_cast<double>(warmup);
  const std::int64_t done = i - warmup;
  switch (kind) {
    case Kind::constant: break;
    case Kind::step: return std::pow(gamma, static_cast<double>(done / std::max<std::int64_t>(1, every)));
    case Kind::cosine: {
      constexpr double kPi = 3.141592653589793;
      const double t = static_cast<double>(done) / static_cast<double>(std::max<std::int64_t>(1, total - warmup));
      return 0.5 * (1 + std::cos(kPi * std::min(1.0, t)));
    }
  }
  return 1;
}

}  // namespace mpad
