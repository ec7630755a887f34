// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/core/types.h>

#include <type_traits>

namespace mpad {

/// Where a sum of squares of T, formed in acc_t<T>, is accurate, and what to multiply the terms by where it is not:
/// powers of two such that the squares of all that can make a sum so small, or so large, are accurate. Squares of half
/// are exact in float.
template <class T>
struct SquareRange {
  using A = acc_t<T>;
  static constexpr bool needed = !std::is_same_v<T, half>;
  static constexpr bool is_float = std::is_same_v<A, float>;
  static constexpr A least = is_float ? A(0x1p-100) : A(0x1p-900), most = is_float ? A(0x1p120) : A(0x1p1000);
  static constexpr A up = is_float ? A(0x1p100) : A(0x1p600), down = is_float ? A(0x1p-80) : A(0x1p-600);

  [[gnu::always_inline]] MPAD_HD static constexpr A scale(A sum) { return sum < least ? up : sum > most ? down : A(1); }
};

}  // namespace mpad
