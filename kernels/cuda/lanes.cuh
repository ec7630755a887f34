// SPDX-License-Identifier: MIT
// What one instruction compares: a float, a double, or two halves in one register. A mask has all bits of a lane or
// none.
#pragma once
#include "ptx.cuh"
#include "vector.cuh"

#include <cstdint>
#include <type_traits>

namespace mpad::kernels {

/// Two halves, the first in the low bits.
struct HalfPair {
  std::uint32_t bits;
};

template <class T>
using Lanes = std::conditional_t<std::is_same_v<T, half>, HalfPair, T>;

/// `bits` in each lane; of two lanes 16.
template <class V>
__device__ inline std::uint32_t in_each_lane(std::uint32_t bits) {
  return std::is_same_v<V, HalfPair> ? bits * 0x10001u : bits;
}

/// The larger of a and b. Of halves and floats a NaN if one is, and +0 exceeds -0; of doubles a unless b is greater.
__device__ inline HalfPair larger(HalfPair a, HalfPair b) { return {max_or_nan_half2(a.bits, b.bits)}; }
__device__ inline float larger(float a, float b) { return max_or_nan(a, b); }
__device__ inline double larger(double a, double b) { return b > a ? b : a; }

/// Where a and b are equal: NaN equals nothing.
__device__ inline std::uint32_t equal(HalfPair a, HalfPair b) { return equal_half2(a.bits, b.bits); }
__device__ inline std::uint32_t equal(float a, float b) { return a == b ? ~0u : 0u; }
__device__ inline std::uint32_t equal(double a, double b) { return a == b ? ~0u : 0u; }

/// Where a is a number other than zero.
__device__ inline std::uint32_t nonzero(HalfPair a) { return unequal_half2(a.bits, 0); }
__device__ inline std::uint32_t nonzero(float a) { return fabsf(a) > 0 ? ~0u : 0u; }

/// a where the mask is set, b elsewhere.
__device__ inline HalfPair pick(std::uint32_t mask, HalfPair a, HalfPair b) {
  return {(mask & a.bits) | (~mask & b.bits)};
}
__device__ inline float pick(std::uint32_t mask, float a, float b) { return mask != 0 ? a : b; }

/// The sign bits alone.
__device__ inline std::uint32_t signs(HalfPair a) { return a.bits & 0x80008000u; }
__device__ inline std::uint32_t signs(float a) { return __float_as_uint(a) & 0x80000000u; }

/// f of each element, widened; f rounds.
template <class F>
__device__ inline HalfPair each_lane(HalfPair a, const F& f) {
  const __half_raw low = f(half_of_two(a.bits, 0)), high = f(half_of_two(a.bits, 1));
  return {low.x | std::uint32_t{high.x} << 16};
}
template <class T, class F>
__device__ inline T each_lane(T a, const F& f) {
  return f(a);
}

}  // namespace mpad::kernels
