// SPDX-License-Identifier: MIT
// Rounding a double once, on every device.
#pragma once
#include <mpad/core/types.h>

#include <cstdint>
#include <type_traits>

namespace mpad {

/// `value` cut to the digits of a float, the last one set if anything was cut off (rounding to odd): a narrower type
/// rounds to nearest from it as it would from `value` (Boldo and Melquiond, IEEE Transactions on Computers 57(4),
/// 2008).
[[gnu::always_inline]] MPAD_HD inline float round_to_odd(double value) {
  constexpr std::uint64_t kLost = (std::uint64_t{1} << 29) - 1;
  const std::uint64_t bits = __builtin_bit_cast(std::uint64_t, value);  // nvcc calls no std::bit_cast on a device
  const std::uint64_t sticky = ((bits & kLost) + kLost) & (kLost + 1);
  return static_cast<float>(__builtin_bit_cast(double, (bits | sticky) & ~kLost));
}

/// `value`, a float or double, in acc_t<T>: rounding that to T, to nearest even, rounds `value` once.
template <class T, class A>
[[gnu::always_inline]] MPAD_HD inline acc_t<T> before_store(A value) {
  if constexpr (std::is_same_v<T, half> && std::is_same_v<A, double>)
    return round_to_odd(value);
  else
    return static_cast<acc_t<T>>(value);
}

}  // namespace mpad
