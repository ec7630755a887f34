// SPDX-License-Identifier: MIT
// Vectors of float or double as wide as the instruction set has them (and half as wide), with loads from and stores to
// any real type.
#pragma once
#include "isa.h"

#if defined(__FMA__)
#include <immintrin.h>
#endif

namespace mpad::kernels {
namespace {

#if defined(__AVX512F__)
inline constexpr int kVectorBytes = 64, kNarrowVectorBytes = 32;
#elif defined(__FMA__)
inline constexpr int kVectorBytes = 32, kNarrowVectorBytes = 32;
#else
inline constexpr int kVectorBytes = 16, kNarrowVectorBytes = 16;
#endif

template <class A, int bytes>
struct VectorOf {
  typedef A Type __attribute__((vector_size(bytes)));
};
/// Vector of float or double, of `bytes` bytes.
template <class A, int bytes>
using Vector = typename VectorOf<A, bytes>::Type;

template <class V>
inline constexpr int lanes = sizeof(V) / sizeof(V{}[0]);

/// a * b + c, rounded once where the instruction set can and twice in the portable variant.
template <class V>
inline V multiply_add(const V& a, const V& b, const V& c) {
#if defined(__FMA__)
  constexpr bool single = sizeof(a[0]) == sizeof(float);
#if defined(__AVX512F__)
  if constexpr (sizeof(V) == 64) {
    if constexpr (single)
      return V(_mm512_fmadd_ps(__m512(a), __m512(b), __m512(c)));
    else
      return V(_mm512_fmadd_pd(__m512d(a), __m512d(b), __m512d(c)));
  } else
#endif
      if constexpr (single)
    return V(_mm256_fmadd_ps(__m256(a), __m256(b), __m256(c)));
  else
    return V(_mm256_fmadd_pd(__m256d(a), __m256d(b), __m256d(c)));
#else
  return a * b + c;
#endif
}

template <class V, class A>
inline V load(const A* from) {
  V v;
  __builtin_memcpy(&v, from, sizeof v);
  return v;
}

template <class V, class A>
inline V broadcast(A value) {
  return value - V{};  // Not a sum: that would turn -0 into 0.
}

/// Converts `count` elements to the type that sums are formed in; exact.
template <class T>
inline void widen(const T* from, std::int64_t count, acc_t<T>* to) {
  std::int64_t i = 0;
#if defined(__FMA__)
  if constexpr (sizeof(T) == 2)
    for (; i + 8 <= count; i += 8)
      _mm256_storeu_ps(to + i, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from + i))));
#endif
  for (; i < count; ++i) to[i] = static_cast<acc_t<T>>(from[i]);
}

/// Rounds the first `count` lanes to T and stores them.
template <class T, class V>
inline void store_lanes(T* to, const V& v, int count) {
#if defined(__AVX512F__)
  const auto mask = static_cast<unsigned>((1u << count) - 1);
  if constexpr (sizeof(V) == 64) {
    if constexpr (sizeof(T) == 2)
      _mm256_mask_storeu_epi16(to, static_cast<__mmask16>(mask),
                               _mm512_maskz_cvtps_ph(0xffff, __m512(v), _MM_FROUND_TO_NEAREST_INT));
    else if constexpr (sizeof(T) == 4)
      _mm512_mask_storeu_ps(to, static_cast<__mmask16>(mask), __m512(v));
    else
      _mm512_mask_storeu_pd(to, static_cast<__mmask8>(mask), __m512d(v));
  } else {
    if constexpr (sizeof(T) == 2)
      _mm_mask_storeu_epi16(to, static_cast<__mmask8>(mask), _mm256_cvtps_ph(__m256(v), _MM_FROUND_TO_NEAREST_INT));
    else if constexpr (sizeof(T) == 4)
      _mm256_mask_storeu_ps(to, static_cast<__mmask8>(mask), __m256(v));
    else
      _mm256_mask_storeu_pd(to, static_cast<__mmask8>(mask), __m256d(v));
  }
#else
#if defined(__FMA__)
  if constexpr (sizeof(T) == 2)
    if (count == lanes<V>) {
      const __m128i bits = _mm256_cvtps_ph(__m256(v), _MM_FROUND_TO_NEAREST_INT);
      __builtin_memcpy(static_cast<void*>(to), &bits, sizeof bits);
      return;
    }
#endif
  if constexpr (sizeof(T) == sizeof(v[0]))
    if (count == lanes<V>) {
      __builtin_memcpy(to, &v, sizeof v);
      return;
    }
  for (int lane = 0; lane < count; ++lane) to[lane] = static_cast<T>(v[lane]);
#endif
}

}  // namespace
}  // namespace mpad::kernels
