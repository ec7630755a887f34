// SPDX-License-Identifier: MIT
// Loops over elements, in blocks: float and double are computed in place, half in a buffer of floats. Each element is
// widened once, computed in acc_t<T> and rounded once. Separate loops for the conversions and the arithmetic keep each
// free of branches, so that compilers vectorise them; where a block's size is a constant, the buffer becomes registers.
#pragma once
#include "isa.h"
#include "simd.h"

#include <algorithm>
#include <type_traits>

#if defined(__F16C__)
#include <immintrin.h>
#endif

namespace mpad::kernels {
namespace {

#if defined(__F16C__)
constexpr bool kConverts = true;
#else
constexpr bool kConverts = false;
#endif

constexpr std::int64_t kBlock = 256;
// A constant size of blocks: more than the 16 elements of which g++ makes scalars before it vectorises.
constexpr std::int64_t kRegisters = 32;
// Fewer elements than this take less time than waking another thread.
constexpr std::int64_t kElementGrain = 1 << 14;

// The bits of an element must not depend on its place, so these convert a NaN as the processor's own conversions do: it
// keeps its sign and leading digits and becomes quiet.
MPAD_INLINE float widen_quietly(std::uint16_t x) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(widen(x)), quiet = (x & 0x7fff) > 0x7c00 ? 0x400000 : 0;
  return std::bit_cast<float>(bits | quiet);
}
MPAD_INLINE std::uint16_t narrow_quietly(float x) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(x), payload = bits >> 13 & 0x1ff;
  return static_cast<std::uint16_t>(narrow<half>(x) | ((bits & 0x7fffffff) > 0x7f800000 ? payload : 0));
}

/// Of so many halves, how many the processor's own conversions do, where it has some; they take 8 or 16 at a time.
MPAD_INLINE std::int64_t converted(std::int64_t size) { return kConverts ? size / 8 * 8 : 0; }

/// Whether a size is known when compiling, so that its block stays in registers. Sixteen conversions at a time are for
/// those: of blocks in memory they take longer than eight.
MPAD_INLINE bool is_constant(std::int64_t size) { return __builtin_constant_p(size); }

/// to = from, widened; with the processor's own conversion where there is one.
MPAD_INLINE void widen_all(const half* from, float* to, std::int64_t size) {
#if defined(__F16C__)
  std::int64_t i = 0;
#if defined(__AVX512F__)
  for (; is_constant(size) && i + 16 <= size; i += 16) {
    const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + i));
    _mm512_storeu_ps(to + i, _mm512_maskz_cvtph_ps(0xffff, bits));
  }
#endif
  for (; i < converted(size); i += 8)
    _mm256_storeu_ps(to + i, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from + i))));
#endif
  MPAD_LANES
  for (std::int64_t j = converted(size); j < size; ++j) to[j] = widen_quietly(lanes(from)[j]);
}

/// to = from, rounded to nearest even.
MPAD_INLINE void narrow_all(const float* from, half* to, std::int64_t size) {
#if defined(__F16C__)
  std::int64_t i = 0;
#if defined(__AVX512F__)
  for (; is_constant(size) && i + 16 <= size; i += 16) {
    const __m256i rounded = _mm512_maskz_cvtps_ph(0xffff, _mm512_loadu_ps(from + i), _MM_FROUND_TO_NEAREST_INT);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + i), rounded);
  }
#endif
  for (; i < converted(size); i += 8) {
    const __m128i rounded = _mm256_cvtps_ph(_mm256_loadu_ps(from + i), _MM_FROUND_TO_NEAREST_INT);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + i), rounded);
  }
#endif
  MPAD_LANES
  for (std::int64_t j = converted(size); j < size; ++j) lanes(to)[j] = narrow_quietly(from[j]);
}

/// Up to kBlock elements of T, const or not, as acc_t<T>.
template <class T>
class Block {
 public:
  using Element = std::remove_const_t<T>;
  using A = acc_t<Element>;
  using Pointer = std::conditional_t<std::is_const_v<T>, const A*, A*>;
  static constexpr bool kInPlace = std::is_same_v<A, Element>;

  Block(T* place, std::int64_t size) : place_(place), size_(size) {}
  Pointer data() {
    if constexpr (kInPlace)
      return place_;
    else
      return buffer_;
  }
  /// Where the elements are, widened.
  Pointer load() {
    if constexpr (!kInPlace) widen_all(place_, buffer_, size_);
    return data();
  }
  /// Rounds what data() holds into the elements.
  void store() {
    if constexpr (!kInPlace) narrow_all(buffer_, place_, size_);
  }

 private:
  T* place_;
  std::int64_t size_;
  A buffer_[kInPlace ? 1 : kBlock];
};

/// Calls f(i, size) for [0, count) in order, in blocks of up to kBlock elements. Where the processor converts T, they
/// are of kRegisters as long as there are as many: a constant in callers that inline f (MPAD_FLATTEN).
template <class T, class F>
MPAD_INLINE void each_block(std::int64_t count, const F& f) {
  std::int64_t i = 0;
  if constexpr (kConverts && !Block<T>::kInPlace)
    for (; i + kRegisters <= count; i += kRegisters) f(i, kRegisters);
  for (; i < count; i += kBlock) f(i, std::min(kBlock, count - i));
}

/// The same on the pool's threads, f inlined.
template <class T, class F>
void for_each_block(std::int64_t count, const F& f) {
  parallel_for(count, kElementGrain, [&f](std::int64_t begin, std::int64_t end) MPAD_FLATTEN {
    each_block<T>(end - begin, [&f, begin](std::int64_t i, std::int64_t size) { f(begin + i, size); });
  });
}

/// Calls f(begin, size) for blocks of [0, count) of up to kBlock elements, on the pool's threads.
template <class F>
void for_each_block(std::int64_t count, const F& f) {
  parallel_for(count, kElementGrain, [&f](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; i += kBlock) f(i, std::min(kBlock, end - i));
  });
}

/// out[i] = f(x[i]), in acc_t<T>; out may be x.
template <class T, class F>
void map(std::int64_t count, const T* x, T* out, const F& f) {
  for_each_block<T>(count, [=](std::int64_t begin, std::int64_t size) {
    Block<const T> from(x + begin, size);
    Block<T> to(out + begin, size);
    const acc_t<T>* a = from.load();
    acc_t<T>* y = to.data();
    MPAD_LANES
    for (std::int64_t i = 0; i < size; ++i) y[i] = f(a[i]);
    to.store();
  });
}

/// out[i] = f(left[i], right[i]), in acc_t<T>; out may be left or right.
template <class T, class F>
void map(std::int64_t count, const T* left, const T* right, T* out, const F& f) {
  for_each_block<T>(count, [=](std::int64_t begin, std::int64_t size) {
    Block<const T> from_left(left + begin, size), from_right(right + begin, size);
    Block<T> to(out + begin, size);
    const acc_t<T>*a = from_left.load(), *b = from_right.load();
    acc_t<T>* y = to.data();
    MPAD_LANES
    for (std::int64_t i = 0; i < size; ++i) y[i] = f(a[i], b[i]);
    to.store();
  });
}

}  // namespace
}  // namespace mpad::kernels
