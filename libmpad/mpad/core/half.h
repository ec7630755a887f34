// SPDX-License-Identifier: MIT
// Arithmetic on half for host sources.
#pragma once
#include <mpad/core/types.h>

#include <Eigen/Core>

#include <bit>
#include <type_traits>

namespace mpad {

/// `value` cut to the digits of a float, the last one set if anything was cut off (rounding to odd): a narrower type
/// rounds to nearest from it as it would from `value` (Boldo and Melquiond, IEEE Transactions on Computers 57(4),
/// 2008).
[[gnu::always_inline]] inline float round_to_odd(double value) {
  constexpr std::uint64_t kLost = (std::uint64_t{1} << 29) - 1;
  const std::uint64_t bits = std::bit_cast<std::uint64_t>(value);
  const std::uint64_t sticky = ((bits & kLost) + kLost) & (kLost + 1);
  return static_cast<float>(std::bit_cast<double>((bits | sticky) & ~kLost));
}

/// `value` rounded once to nearest even. Eigen's conversion of a double to half rounds twice, by way of float.
template <class T>
[[gnu::always_inline]] inline T round_to(double value) {
  if constexpr (std::is_same_v<T, half>)
    return half(round_to_odd(value));
  else
    return static_cast<T>(value);
}

}  // namespace mpad
