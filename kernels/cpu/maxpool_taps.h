// SPDX-License-Identifier: MIT
// What a tie mask says of a tap, in lanes.
#pragma once
#include "isa.h"
#include "simd.h"

#include <concepts>
#include <cstdint>

namespace mpad::kernels {
namespace {

/// A tap as masks see it, in lanes U of the width of the values: bit i, the bits up to it, and those from it.
template <class U>
struct TapBits {
  static constexpr U all = static_cast<U>(~U{0});
  U bit, up_to, from;
  explicit TapBits(int i)
      : bit(U{1} << i), up_to(all >> (8 * sizeof(U) - 1 - static_cast<unsigned>(i))), from(all << i) {}
  MPAD_INLINE bool tied(U mask) const { return (mask & bit) != 0; }
  MPAD_INLINE bool is_first(U mask) const { return (mask & up_to) == bit; }
};

/// The whole gradient for a mask that is `bit` in `part`, and else nothing.
template <class U>
struct Whole {
  U part, bit;
  MPAD_INLINE bool takes(U mask) const { return (mask & part) == bit; }
};

/// A lane rule that gives an element its window's whole gradient or nothing, in lanes of any width.
template <class Rule>
concept Moves = requires(const Rule& rule) {
  { rule.template whole<std::uint16_t>(0) } -> std::same_as<Whole<std::uint16_t>>;
};

/// Bits set in a mask of type M, at least 1 so that it divides; no vector instruction for it before AVX-512.
template <class M, class U>
MPAD_INLINE int tie_count(U mask) {
  constexpr U ones = ~U{0};
  U x = mask - (mask >> 1 & ones / 3);
  x = (x & ones / 5) + (x >> 2 & ones / 5);
  x = (x + (x >> 4)) & ones / 17;
  if constexpr (sizeof(M) >= 2) x += x >> 8;
  if constexpr (sizeof(M) >= 4) x += x >> 16;
  if constexpr (sizeof(M) >= 8) x += x >> 32;
  const int count = static_cast<int>(x & 0x7f);
  return count < 1 ? 1 : count;
}

}  // namespace
}  // namespace mpad::kernels
