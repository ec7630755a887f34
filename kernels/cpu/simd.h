// SPDX-License-Identifier: MIT
// Lane functions: branch-free scalar code that compilers turn into vector instructions of any width when a loop marked
// MPAD_LANES calls it. Plain C++ instead of intrinsics, so that every instruction set gives the same bits.
#pragma once
#include <mpad/core/half.h>

#include <bit>
#include <cstdint>
#include <type_traits>

/// Before a loop: its iterations do not depend on each other, whatever the pointers.
#if defined(__clang__)
#define MPAD_LANES _Pragma("clang loop vectorize(assume_safety)")
#else
#define MPAD_LANES _Pragma("GCC ivdep")
#endif
#define MPAD_INLINE [[gnu::always_inline]] inline
/// Behind a lambda's parameters: all that it calls is inlined.
#define MPAD_FLATTEN __attribute__((flatten))

namespace mpad::kernels {
namespace {

template <std::size_t size>
using UnsignedOf = std::conditional_t<
    size == 1, std::uint8_t,
    std::conditional_t<size == 2, std::uint16_t, std::conditional_t<size == 4, std::uint32_t, std::uint64_t>>>;

/// A lane of T as it lies in memory: T, or the bits of a half, since compilers vectorise no copies of a class.
template <class T>
using Lane = std::conditional_t<std::is_same_v<T, half>, std::uint16_t, T>;

/// The same array as lanes.
template <class T>
MPAD_INLINE Lane<T>* lanes(T* x) {
  static_assert(sizeof(Lane<T>) == sizeof(T));
  return reinterpret_cast<Lane<T>*>(x);
}
template <class T>
MPAD_INLINE const Lane<T>* lanes(const T* x) {
  return reinterpret_cast<const Lane<T>*>(x);
}

/// x in the type its sums are formed in; exact.
MPAD_INLINE float widen(float x) { return x; }
MPAD_INLINE double widen(double x) { return x; }
MPAD_INLINE float widen(std::uint16_t x) {
  const std::uint32_t bits = x, magnitude = (bits & 0x7fff) << 13;
  const float normal = std::bit_cast<float>(magnitude + (112u << 23));
  // A subnormal half is normal in float: its digits are those of 2^-14 + x, which the subtraction takes off exactly.
  const float subnormal = std::bit_cast<float>(magnitude + (113u << 23)) - 0x1p-14f;
  const std::uint32_t finite = std::bit_cast<std::uint32_t>((bits & 0x7c00) == 0 ? subnormal : normal);
  const std::uint32_t value = (bits & 0x7c00) == 0x7c00 ? magnitude | 0x7f800000 : finite;
  return std::bit_cast<float>(value | (bits & 0x8000) << 16);
}

/// x rounded to T, to nearest even; every NaN becomes the quiet one of its sign where T is half.
template <class T>
MPAD_INLINE Lane<T> narrow(acc_t<T> x) {
  if constexpr (!std::is_same_v<T, half>) {
    return x;
  } else {
    const std::uint32_t bits = std::bit_cast<std::uint32_t>(x), magnitude = bits & 0x7fffffff;
    const std::uint32_t normal = (magnitude - (112u << 23) + 0xfff + (magnitude >> 13 & 1)) >> 13;
    // Below 2^-14 halves are multiples of 2^-24, the last place of floats from 0.5 to 1: the sum rounds to one.
    const std::uint32_t subnormal = std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) + 0.5f) - 0x3f000000;
    const std::uint32_t finite = magnitude < 0x38800000 ? subnormal : normal;
    const std::uint32_t bounded = magnitude >= 0x477ff000 ? 0x7c00 : finite;
    const std::uint32_t value = magnitude > 0x7f800000 ? 0x7e00 : bounded;
    return static_cast<std::uint16_t>(value | (bits >> 16 & 0x8000));
  }
}

/// `first` or `other` by bits. Where the condition follows from a choice before, compilers make branches of both that
/// they do not vectorise, if this is one.
MPAD_INLINE std::uint32_t select(bool condition, std::uint32_t first, std::uint32_t other) {
  const std::uint32_t mask = std::uint32_t{0} - static_cast<std::uint32_t>(condition);
  return (first & mask) | (other & ~mask);
}

/// x rounded to T, as a value of T's accumulation type: what an operation in T gives. widen(narrow<T>(x)), without the
/// way there and back.
template <class T>
MPAD_INLINE acc_t<T> rounded(acc_t<T> x) {
  if constexpr (!std::is_same_v<T, half>) {
    return x;
  } else {
    const std::uint32_t bits = std::bit_cast<std::uint32_t>(x), magnitude = bits & 0x7fffffff;
    const std::uint32_t normal = (magnitude + 0xfff + (magnitude >> 13 & 1)) & ~0x1fffu;
    const std::uint32_t subnormal = std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) + 0.5f - 0.5f);
    const std::uint32_t finite = select(magnitude < 0x38800000, subnormal, normal);
    const std::uint32_t bounded = select(magnitude >= 0x477ff000, 0x7f800000, finite);
    const std::uint32_t value = select(magnitude > 0x7f800000, 0x7fc00000, bounded);
    return std::bit_cast<float>(value | (bits & 0x80000000));
  }
}

/// An integer that orders reals: -0 equals +0, each NaN equals each NaN and exceeds every number; never the least one.
template <class T>
MPAD_INLINE auto order_key(Lane<T> x) {
  using Unsigned = UnsignedOf<sizeof(T)>;
  using Key = std::make_signed_t<Unsigned>;
  constexpr int digits = 8 * sizeof(T) - 1;
  constexpr Key largest = static_cast<Key>(static_cast<Unsigned>(~Unsigned{0}) >> 1);
  constexpr int significand = sizeof(T) == 2 ? 10 : sizeof(T) == 4 ? 23 : 52;
  constexpr Key infinity = static_cast<Key>(largest >> significand << significand);
  const Key bits = std::bit_cast<Key>(x);
  const Key magnitude = static_cast<Key>(bits & largest), sign = static_cast<Key>(bits >> digits);
  const Key number = static_cast<Key>((magnitude ^ sign) - sign);
  return magnitude > infinity ? largest : number;
}

}  // namespace
}  // namespace mpad::kernels
