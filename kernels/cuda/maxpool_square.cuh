// SPDX-License-Identifier: MIT
// The forward of the windows that special_kernel names, in two passes over taps that stay in registers: first the
// maximum, then the taps that equal it. A tap outside the image is read at the nearest place inside, which is another
// tap of the window: that changes neither the maximum nor which of its equals comes first, and its bit is cleared.
// Windows with a NaN go to pool_window. An `Ending` says whether a zero takes part, `relu`, and turns maxima and ties
// of whole lanes into what is stored, `ending.lanes(value, tied)`.
#pragma once
#include "fast_division.cuh"
#include "lanes.cuh"
#include "maxpool_window.cuh"

#include <limits>

namespace mpad::kernels {

/// Image, row, column and pack of channels of an output.
struct SquarePlace {
  unsigned n, h, w, pack;
};

/// Where the taps of one window lie. Its first row and column lie in the image, or one before it.
struct Square {
  int top, left, h, w;
  unsigned image_row;           // the image's first row, counted through all images
  unsigned pitch, packs, pack;  // packs of channels in a row, in a pixel, and which of these

  /// The pack of the input that is tap (r, q).
  __device__ unsigned tap(int r, int q) const {
    const int row = r == 0 ? max(top, 0) : min(top + r, h - 1), column = q == 0 ? max(left, 0) : min(left + q, w - 1);
    return (image_row + static_cast<unsigned>(row)) * pitch + (static_cast<unsigned>(column) * packs + pack);
  }
  /// The taps that lie in the image, of KxK.
  template <int K>
  __device__ std::uint32_t inside() const {
    std::uint32_t rows = 0, columns = 0;
#pragma unroll
    for (int r = 0; r < K; ++r) {
      if (static_cast<unsigned>(top + r) < static_cast<unsigned>(h)) rows |= 1u << r * K;
      if (static_cast<unsigned>(left + r) < static_cast<unsigned>(w)) columns |= 1u << r;
    }
    return rows * columns;
  }
};

/// Windows by the number of their pack of output, in 32 bits.
class SquareGrid {
 public:
  /// Whether the packs of the input, of which the output has no more, can be counted so.
  static bool fits(const Sliding& s, int size) {
    return s.n * s.h * s.w * (s.c / size) < std::numeric_limits<int>::max();
  }

  SquareGrid(const Sliding& s, int size)
      : h_(static_cast<int>(s.h)),
        w_(static_cast<int>(s.w)),
        pad_h_(static_cast<int>(s.window.pad.h)),
        pad_w_(static_cast<int>(s.window.pad.w)),
        packs_(static_cast<unsigned>(s.c / size)),
        count_(static_cast<unsigned>(s.n * s.oh * s.ow) * packs_) {
    if (count_ == 0) return;
    by_rows_ = FastDivision(s.oh);
    by_columns_ = FastDivision(s.ow);
    by_packs_ = FastDivision(packs_);
  }
  dim3 blocks() const { return dim3(ceil_div<unsigned>(count_, pool_threads)); }

  /// This thread's pack; packs are in row-major order.
  __device__ unsigned index() const { return blockIdx.x * pool_threads + threadIdx.x; }
  __device__ bool holds(unsigned index) const { return index < count_; }
  __device__ SquarePlace place(unsigned index) const {
    const Divided pixel = by_packs_.divide(index), row = by_columns_.divide(pixel.quotient);
    const Divided image = by_rows_.divide(row.quotient);
    return {image.quotient, image.remainder, row.remainder, pixel.remainder};
  }
  __device__ Square window(const SquarePlace& at) const {
    const int top = 2 * static_cast<int>(at.h) - pad_h_, left = 2 * static_cast<int>(at.w) - pad_w_;
    return {top, left, h_, w_, at.n * static_cast<unsigned>(h_), static_cast<unsigned>(w_) * packs_, packs_, at.pack};
  }

 private:
  int h_, w_, pad_h_, pad_w_;
  unsigned packs_, count_;
  FastDivision by_rows_{}, by_columns_{}, by_packs_{};
};

/// The maxima of `words` windows, or of pairs of them, and the taps that equal them: bit i of each lane.
template <class V, int words>
struct Maxima {
  V value[words];
  std::uint32_t tied[words] = {};

  /// With `relu` a zero takes part, which has no bit.
  template <int taps>
  __device__ Maxima(const Pack<V, words> (&tap)[taps], bool relu) {
#pragma unroll
    for (int w = 0; w < words; ++w) {
      value[w] = relu ? larger(V{}, tap[0].element[w]) : tap[0].element[w];
#pragma unroll
      for (int i = 1; i < taps; ++i) value[w] = larger(value[w], tap[i].element[w]);
#pragma unroll
      for (int i = 0; i < taps; ++i) tied[w] |= equal(tap[i].element[w], value[w]) & in_each_lane<V>(1u << i);
    }
  }
  __device__ bool has_nan() const {
    V all = value[0];
#pragma unroll
    for (int w = 1; w < words; ++w) all = larger(all, value[w]);
    return equal(all, all) != ~0u;
  }
  __device__ bool has_nan_or_zero() const {
    std::uint32_t all = ~0u;
#pragma unroll
    for (int w = 0; w < words; ++w) all &= nonzero(value[w]);
    return all != ~0u;
  }
  /// Each becomes the first of the taps that equal it, which makes a difference to zeros.
  template <int taps>
  __device__ void take_first(const Pack<V, words> (&tap)[taps]) {
#pragma unroll
    for (int w = 0; w < words; ++w) {
#pragma unroll
      for (int i = taps - 1; i >= 0; --i)
        value[w] = pick(equal(tap[i].element[w], value[w]), tap[i].element[w], value[w]);
    }
  }
};

template <class V, int words>
__device__ inline bool has_sign(const Pack<V, words>& x) {
  std::uint32_t sign = 0;
#pragma unroll
  for (int w = 0; w < words; ++w) sign |= signs(x.element[w]);
  return sign != 0;
}

/// Makes zeros the first of their equals, unless they are a ReLU's; false if a window has a NaN, and then `best` means
/// nothing. Where the first tap has no sign a maximum that is zero is that tap: so it is behind a ReLU, where zeros are
/// common.
template <class V, int words, int taps>
__device__ inline bool settle(const Pack<V, words> (&tap)[taps], Maxima<V, words>& best, bool relu) {
  if (relu) return !best.has_nan();
  if (!best.has_nan_or_zero()) return true;
  if (best.has_nan()) return false;
  if (has_sign(tap[0])) best.take_first(tap);
  return true;
}

/// Maxima of doubles are the first of their equals, and may hide a NaN.
template <int words, int taps>
__device__ inline bool settle(const Pack<double, words> (&tap)[taps], Maxima<double, words>&, bool) {
  bool ordered = true;
#pragma unroll
  for (int w = 0; w < words; ++w) {
#pragma unroll
    for (int i = 0; i < taps; i += 2) {
      const double a = tap[i].element[w], b = tap[i + 1 < taps ? i + 1 : i].element[w];
      ordered &= a == a && b == b;  // one instruction
    }
  }
  return ordered;
}

/// The values and masks that `ending` makes of maxima, of whose taps those of `inside` count.
template <class V, int words, class M, int size, class Ending>
__device__ inline void take_maxima(const Maxima<V, words>& best, std::uint32_t inside, const Ending& ending,
                                   Pack<V, words>& values, Pack<M, size>& masks) {
  constexpr int lanes = size / words;
#pragma unroll
  for (int w = 0; w < words; ++w) {
    values.element[w] = best.value[w];
    std::uint32_t tied = best.tied[w] & inside;
    ending.lanes(values.element[w], tied);
#pragma unroll
    for (int l = 0; l < lanes; ++l) masks.element[w * lanes + l] = static_cast<M>(tied >> 16 * l);
  }
}

/// K is special_kernel's. At least four blocks share a multiprocessor: 64 registers hold nine taps of 16 bytes and the
/// rest.
template <int K, int size, class T, class M, class Ending>
__global__ void __launch_bounds__(pool_threads, 4)
    pool_squares(Sliding s, SquareGrid grid, Ending ending, const T* x, T* y, M* mask) {
  follow_kernels_before();
  using V = Lanes<T>;
  constexpr int words = size * static_cast<int>(sizeof(T)) / static_cast<int>(sizeof(V));
  const unsigned i = grid.index();
  if (!grid.holds(i)) return;
  const SquarePlace at = grid.place(i);
  const Square window = grid.window(at);
  Pack<V, words> tap[K * K];
#pragma unroll
  for (int j = 0; j < K * K; ++j)
    tap[j] = load<words>(reinterpret_cast<const V*>(x) + std::size_t{window.tap(j / K, j % K)} * words);
  const std::uint32_t inside = in_each_lane<V>(window.inside<K>());
  Maxima<V, words> best(tap, Ending::relu);
  if (!settle(tap, best, Ending::relu)) {
    for (int e = 0; e < size; ++e)
      pool_window<1>(s, {at.n, at.h, at.w, std::int64_t{at.pack} * size + e}, std::int64_t{i} * size + e, ending, x, y,
                     mask);
    return;
  }
  Pack<V, words> values;
  Pack<M, size> masks;
  take_maxima(best, inside, ending, values, masks);
  store(reinterpret_cast<V*>(y) + std::size_t{i} * words, values);
  store(mask + std::size_t{i} * size, masks);
}

}  // namespace mpad::kernels
