// SPDX-License-Identifier: MIT
// The matrices whose products are convolutions, as they lie in global memory. Each has rows (found by row()), columns
// (by column()) and elements (at()), which are zero where none is there: padding, a position that a stride skips,
// beyond the last row or column. Finding a row or a column costs divisions. An element, which is found for each 16
// bytes that are copied, costs few additions and comparisons: a warp issues them between its products. Runs of elements
// of one row that do not cross a channel count are contiguous. A zero is multiplied like any number: an infinity it
// meets gives NaN.
#pragma once
#include "fast_division.cuh"
#include "located.cuh"

#include <mpad/core/geometry.h>

#include <algorithm>

namespace mpad::kernels {

/// A row-major matrix: weights k x (r, s, c); grad_y pixels x k.
template <class T>
struct Matrix {
  using Element = T;
  struct Row {
    const T* start;
    bool there;
  };
  struct Column {
    unsigned index;
  };

  const T* data;
  unsigned rows, columns;

  __device__ Row row(unsigned i) const { return {data + static_cast<std::int64_t>(i) * columns, i < rows}; }
  __device__ Column column(unsigned j) const { return {j}; }
  __device__ Located<T> at(const Row& row, const Column& column) const {
    return {row.start + column.index, row.there && column.index < columns};
  }
};

/// Weights k,r,s,c as the matrix (r, s, k) x c.
template <class T>
struct WeightsByTap {
  using Element = T;
  using Row = typename Matrix<T>::Row;
  using Column = typename Matrix<T>::Column;

  WeightsByTap(const T* weight, std::int64_t k, std::int64_t tap_count, std::int64_t c)
      : data(weight),
        rows(static_cast<unsigned>(tap_count * k)),
        columns(static_cast<unsigned>(c)),
        taps(static_cast<unsigned>(tap_count)),
        by_k(std::max<std::int64_t>(k, 1)) {}

  const T* data;
  unsigned rows, columns, taps;
  FastDivision by_k;

  __device__ Row row(unsigned i) const {
    const Divided tap = by_k.divide(i);
    return {data + static_cast<std::int64_t>(tap.remainder * taps + tap.quotient) * columns, i < rows};
  }
  __device__ Column column(unsigned j) const { return {j}; }
  __device__ Located<T> at(const Row& row, const Column& column) const {
    return {row.start + column.index, row.there && column.index < columns};
  }
};

/// One axis of a gather: tap r of output position i reads position (i * scale + start + r * step) / divisor, if that is
/// whole and within the image.
struct GatherAxis {
  std::int64_t from, to, kernel, scale, start, step, divisor;
};

/// Images n,h,w,c as the matrix of their patches, pixels of the result x (r, s, c), which is never formed. `strided`:
/// the divisors are not all 1.
template <class T, bool strided>
struct Patches {
  using Element = T;
  struct Row {
    const T* start;  // of the first tap's pixel, which may be outside; if strided, of the image
    int h, w;        // the first tap's position
  };
  struct Column {
    int offset;  // from the first tap; if strided, the channel
    int h, w;
  };

  Patches(const T* images, std::int64_t n, std::int64_t c, const GatherAxis& vertical, const GatherAxis& horizontal)
      : data(images),
        rows(static_cast<unsigned>(n * vertical.to * horizontal.to)),
        columns(static_cast<unsigned>(vertical.kernel * horizontal.kernel * c)),
        channels(static_cast<int>(c)),
        by_channels(std::max<std::int64_t>(c, 1)),
        h(vertical),
        w(horizontal) {}

  const T* data;
  unsigned rows, columns;
  int channels;
  FastDivision by_channels;
  struct Axis {
    Axis(const GatherAxis& a)
        : from(static_cast<int>(a.from)),
          scale(static_cast<int>(a.scale)),
          start(static_cast<int>(a.start)),
          step(static_cast<int>(a.step)),
          by_to(std::max<std::int64_t>(a.to, 1)),
          by_kernel(a.kernel),
          // Positions lie below 2^30, so a larger divisor divides none but 0, like 2^30.
          by_divisor(std::min(a.divisor, std::int64_t{1} << 30)) {}
    int from, scale, start, step;
    FastDivision by_to, by_kernel, by_divisor;
  } h, w;

  /// Sum of two of them does not overflow; with a position, below 2^29, it stays negative.
  static constexpr int nowhere = -(1 << 30);

  __device__ Row row(unsigned i) const {
    if (i >= rows) return {data, nowhere, nowhere};
    const Divided line = w.by_to.divide(i), image = h.by_to.divide(line.quotient);
    const int y = static_cast<int>(image.remainder) * h.scale + h.start,
              x = static_cast<int>(line.remainder) * w.scale + w.start;
    const std::int64_t first = static_cast<std::int64_t>(image.quotient) * h.from;
    return {data + pixel(strided ? first : first + y, strided ? 0 : x), y, x};
  }
  __device__ Column column(unsigned j) const {
    if (j >= columns) return {0, nowhere, nowhere};
    const Divided tap = by_channels.divide(j), position = w.by_kernel.divide(tap.quotient);
    const int y = static_cast<int>(position.quotient) * h.step, x = static_cast<int>(position.remainder) * w.step;
    return {static_cast<int>((strided ? 0 : pixel(y, x)) + tap.remainder), y, x};
  }
  __device__ Located<T> at(const Row& row, const Column& column) const {
    int y = row.h + column.h, x = row.w + column.w;
    if constexpr (strided) {
      y = h.by_divisor.exact_quotient(y);
      x = w.by_divisor.exact_quotient(x);
    }
    const bool inside = static_cast<unsigned>(y) < static_cast<unsigned>(h.from) &&
                        static_cast<unsigned>(x) < static_cast<unsigned>(w.from);
    return {row.start + (strided ? pixel(y, x) : 0) + column.offset, inside};
  }

 private:
  /// Where a pixel of a line starts.
  __device__ std::int64_t pixel(std::int64_t line, int x) const { return (line * w.from + x) * channels; }
};

/// Throws Error, naming `op`, where 32 bits do not count what a gather counts.
inline void check_limits(const char* op, const Sliding& s, std::int64_t k) {
  const auto below = [&](std::int64_t count, int bits, const char* what) {
    if (count >> bits != 0)
      throw Error(std::string(op) + ": expected fewer than 2^" + std::to_string(bits) + " " + what + " on cuda, got " +
                  std::to_string(count));
  };
  const Pair kernel = s.window.kernel;
  below(std::max(s.h + 2 * s.window.pad.h, s.w + 2 * s.window.pad.w), 29, "padded rows and columns");
  below(std::max(s.n * s.h * s.w, s.n * s.oh * s.ow), 31, "pixels");
  below(std::max(s.c, k) * kernel.h * kernel.w, 31, "elements in a filter");
  below(std::max(s.c, k) * (kernel.h * s.window.dilation.h) * std::max(s.w, s.ow), 31, "elements in a filter's rows");
}

/// Weights k,r,s,c as k x (r, s, c).
template <class T>
Matrix<T> weight_matrix(const Sliding& s, std::int64_t k, const T* weight) {
  return {weight, static_cast<unsigned>(k), static_cast<unsigned>(s.window.taps() * s.c)};
}

/// The patches of x that the outputs see.
template <class T>
Patches<T, false> input_patches(const Sliding& s, const T* x) {
  const Window& w = s.window;
  return {x,
          s.n,
          s.c,
          {s.h, s.oh, w.kernel.h, w.stride.h, -w.pad.h, w.dilation.h, 1},
          {s.w, s.ow, w.kernel.w, w.stride.w, -w.pad.w, w.dilation.w, 1}};
}

/// The outputs of k channels that see each input; `strided` where the stride is not 1.
template <bool strided, class T>
Patches<T, strided> output_patches(const Sliding& s, std::int64_t k, const T* grad_y) {
  const Window& w = s.window;
  return {grad_y,
          s.n,
          k,
          {s.oh, s.h, w.kernel.h, 1, w.pad.h, -w.dilation.h, w.stride.h},
          {s.ow, s.w, w.kernel.w, 1, w.pad.w, -w.dilation.w, w.stride.w}};
}

}  // namespace mpad::kernels
