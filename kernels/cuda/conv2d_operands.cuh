// SPDX-License-Identifier: MIT
// The matrices whose products are convolutions, as they lie in global memory. Each has rows (found by row()), columns
// (by column()) and elements (at()), which are zero where none is there: padding, beyond the last row or column.
// Finding a row or a column costs divisions. An element, which is found for each 16 bytes that are copied, costs few
// additions and comparisons: a warp issues them between its products. Runs of elements of one row that do not cross a
// channel count are contiguous. A zero is multiplied like any number, unless a tile leaves it out (reach.cuh): an
// infinity it meets gives NaN.
#pragma once
#include "fast_division.cuh"
#include "launch.cuh"
#include "located.cuh"

#include <mpad/core/geometry.h>

#include <algorithm>
#include <numeric>

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

/// A matrix whose rows are pixels of images, which lie image by image and are taken place by place: grad_y.
template <class T>
struct PlacedRows : Matrix<T> {
  using Row = typename Matrix<T>::Row;

  PlacedRows(const Matrix<T>& by_image, unsigned images)
      : Matrix<T>(by_image), places(by_image.rows / images), by_images(images) {}

  unsigned places;  // of an image
  FastDivision by_images;

  __device__ Row row(unsigned i) const {
    const Divided place = by_images.divide(i);
    return {Matrix<T>::row(place.remainder * places + place.quotient).start, i < this->rows};
  }
};

/// One axis of a filter, or part of it: taps first, first + step, ...
struct TapAxis {
  std::int64_t first, step, count;
};

/// Weights k,r,s,c as the matrix (r, s, k) x c, of some of the taps.
template <class T>
struct WeightsByTap : Matrix<T> {
  using Row = typename Matrix<T>::Row;

  WeightsByTap(const T* weight, std::int64_t k, Pair kernel, std::int64_t c, const TapAxis& vertical,
               const TapAxis& horizontal)
      : Matrix<T>{weight, static_cast<unsigned>(vertical.count * horizontal.count * k), static_cast<unsigned>(c)},
        taps(static_cast<unsigned>(kernel.h * kernel.w)),
        first(static_cast<unsigned>(vertical.first * kernel.w + horizontal.first)),
        step_h(static_cast<unsigned>(vertical.step * kernel.w)),
        step_w(static_cast<unsigned>(horizontal.step)),
        all(vertical.count * horizontal.count == kernel.h * kernel.w),
        by_k(std::max<std::int64_t>(k, 1)),
        by_width(std::max<std::int64_t>(horizontal.count, 1)) {}

  unsigned taps, first, step_h, step_w;
  bool all;  // of the taps
  FastDivision by_k, by_width;

  /// A tap of the filter, and the channel of the result.
  struct Place {
    unsigned tap, k;
  };
  __device__ Place place(unsigned row) const {
    const Divided in_k = by_k.divide(row);
    if (all) return {in_k.quotient, in_k.remainder};
    const Divided in_row = by_width.divide(in_k.quotient);
    return {first + in_row.quotient * step_h + in_row.remainder * step_w, in_k.remainder};
  }
  __device__ Row row(unsigned i) const {
    const Place at = place(i);
    return {Matrix<T>::row(at.k * taps + at.tap).start, i < this->rows};
  }
};

/// `to` positions of an axis of `from`: start, start + scale, ..., which may be outside.
struct GridAxis {
  GridAxis() = default;
  GridAxis(std::int64_t from_, std::int64_t to_, std::int64_t scale_, std::int64_t start_)
      : from(static_cast<int>(from_)),
        to(static_cast<int>(to_)),
        scale(static_cast<int>(scale_)),
        start(static_cast<int>(start_)) {}

  int from = 0, to = 0, scale = 1, start = 0;
};

/// The pixels at the positions of two axes of images n,h,w, in row-major order: image by image.
struct PixelGrid {
  struct Pixel {
    std::int64_t index;  // among those of the images
    unsigned image;
    int h, w;
  };

  PixelGrid() = default;
  PixelGrid(const GridAxis& vertical, const GridAxis& horizontal)
      : h(vertical), w(horizontal), by_height(std::max(h.to, 1)), by_width(std::max(w.to, 1)) {}

  __device__ Pixel at(unsigned i) const {
    const Divided line = by_width.divide(i), image = by_height.divide(line.quotient);
    return pixel(image.quotient, image.remainder, line.remainder);
  }
  __device__ Pixel pixel(unsigned image, unsigned row, unsigned column) const {
    const int y = static_cast<int>(row) * h.scale + h.start, x = static_cast<int>(column) * w.scale + w.start;
    return {(static_cast<std::int64_t>(image) * h.from + y) * w.from + x, image, y, x};
  }
  __device__ std::int64_t pixels_of_image() const { return std::int64_t{h.from} * w.from; }

  GridAxis h{}, w{};
  FastDivision by_height{}, by_width{};
};

/// The same of so many images place by place: the first place of all images, then the second.
struct PlaceGrid : PixelGrid {
  PlaceGrid() = default;
  PlaceGrid(const PixelGrid& grid, std::int64_t images)
      : PixelGrid(grid), by_images(std::max<std::int64_t>(images, 1)) {}

  __device__ Pixel at(unsigned i) const {
    const Divided place = by_images.divide(i), line = by_width.divide(place.quotient);
    return pixel(place.remainder, line.quotient, line.remainder);
  }

  FastDivision by_images{};
};

/// Image by image or, if so many images are said, place by place.
struct EitherGrid : PlaceGrid {
  EitherGrid() = default;
  explicit EitherGrid(const PixelGrid& grid, std::int64_t images = 0) : PlaceGrid(grid, images), by_place(images > 0) {}

  __device__ Pixel at(unsigned i) const { return by_place ? PlaceGrid::at(i) : PixelGrid::at(i); }

  bool by_place = false;
};

/// One axis of a gather: tap r of output position i reads position i * scale + start + r * step, if that is within the
/// image.
struct GatherAxis {
  std::int64_t from, to, kernel, scale, start, step;
};

/// Images n,h,w,c as the matrix of their patches, pixels of the result x (r, s, c), which is never formed.
template <class T>
struct Patches {
  using Element = T;
  struct Row {
    const T* start;  // of the first tap's pixel, which may be outside
    int h, w;        // its position
  };
  struct Column {
    int offset, h, w;  // from the first tap
  };

  Patches(const T* data_, std::int64_t n, std::int64_t c, const GatherAxis& vertical, const GatherAxis& horizontal)
      : data(data_),
        images(static_cast<unsigned>(n)),
        rows(static_cast<unsigned>(n * vertical.to * horizontal.to)),
        columns(static_cast<unsigned>(vertical.kernel * horizontal.kernel * c)),
        channels(static_cast<int>(c)),
        taps_h(static_cast<int>(vertical.kernel)),
        taps_w(static_cast<int>(horizontal.kernel)),
        step_h(static_cast<int>(vertical.step)),
        step_w(static_cast<int>(horizontal.step)),
        by_channels(std::max<std::int64_t>(c, 1)),
        by_width(std::max<std::int64_t>(horizontal.kernel, 1)),
        grid({vertical.from, vertical.to, vertical.scale, vertical.start},
             {horizontal.from, horizontal.to, horizontal.scale, horizontal.start}) {}

  const T* data;
  unsigned images, rows, columns;
  int channels, taps_h, taps_w, step_h, step_w;
  FastDivision by_channels, by_width;
  PixelGrid grid;  // of the first taps

  /// Sum of two of them does not overflow; with a position, below 2^29, it stays negative.
  static constexpr int nowhere = -(1 << 30);

  __device__ Row row(unsigned i) const { return row(i, grid); }
  __device__ Column column(unsigned j) const {
    if (j >= columns) return {0, nowhere, nowhere};
    const Divided tap = by_channels.divide(j), position = by_width.divide(tap.quotient);
    const int y = static_cast<int>(position.quotient) * step_h, x = static_cast<int>(position.remainder) * step_w;
    return {(y * grid.w.from + x) * channels + static_cast<int>(tap.remainder), y, x};
  }
  __device__ Located<T> at(const Row& row, const Column& column) const {
    const bool inside = static_cast<unsigned>(row.h + column.h) < static_cast<unsigned>(grid.h.from) &&
                        static_cast<unsigned>(row.w + column.w) < static_cast<unsigned>(grid.w.from);
    return {row.start + column.offset, inside};
  }

 protected:
  /// The patch at the i-th pixel of the grid.
  template <class Grid>
  __device__ Row row(unsigned i, const Grid& pixels) const {
    std::int64_t index = 0;
    int h = nowhere, w = nowhere;
    if (i < rows) {
      const PixelGrid::Pixel first = pixels.at(i);
      index = first.index, h = first.h, w = first.w;
    }
    // One expression for all rows' places: the compiler knows then that they are in global memory.
    return {data + index * channels, h, w};
  }
};

/// The same patches in the order of another grid.
template <class T, class Grid>
struct PlacedPatches : Patches<T> {
  using Row = typename Patches<T>::Row;

  PlacedPatches(const Patches<T>& patches, const Grid& order) : Patches<T>(patches), places(order) {}

  Grid places;

  __device__ Row row(unsigned i) const { return Patches<T>::row(i, places); }
};

/// The patches that 2x2 windows of outputs see, one window after another: rows 4w, ..., 4w + 3 are the taps of window
/// w, in row-major order. `vertical` and `horizontal` say where windows lie: their scale is twice a step between
/// outputs.
template <class T>
struct WindowPatches : Patches<T> {
  using Row = typename Patches<T>::Row;

  WindowPatches(const T* images, std::int64_t n, std::int64_t c, const GatherAxis& vertical,
                const GatherAxis& horizontal)
      : Patches<T>(images, n, c, vertical, horizontal),
        down(static_cast<int>(vertical.scale / 2)),
        right(static_cast<int>(horizontal.scale / 2)) {
    this->rows *= 4;
  }

  int down, right;  // from a tap to the next

  __device__ Row row(unsigned i) const {
    std::int64_t index = 0;
    int h = Patches<T>::nowhere, w = h;
    if (i < this->rows) {
      const PixelGrid::Pixel first = this->grid.at(i / 4);
      const int y = i % 4 < 2 ? 0 : down, x = i % 2 == 0 ? 0 : right;
      index = first.index + static_cast<std::int64_t>(y) * this->grid.w.from + x;
      h = first.h + y, w = first.w + x;
    }
    return {this->data + index * this->channels, h, w};
  }
};

/// What the data gradient treats alike along one axis: of the inputs every stride-th, `first`, first + stride, ...,
/// which the same taps reach, at outputs that follow each other.
struct StrideClass {
  GridAxis inputs;
  TapAxis taps;
  GatherAxis outputs;  // that the inputs of the class read
};

/// The inputs `first`, first + stride, ... of an axis of `in` inputs and `out` outputs. Tap r of input i reads output
/// (i + pad - r * dilation) / stride, if that is whole: for every (stride / gcd(stride, dilation))-th tap or for none.
inline StrideClass stride_class(std::int64_t first, std::int64_t in, std::int64_t out, std::int64_t kernel,
                                std::int64_t stride, std::int64_t pad, std::int64_t dilation) {
  const std::int64_t common = std::gcd(stride, dilation), step = stride / common;
  std::int64_t tap = 0;
  while (tap < step && (first + pad - tap * dilation) % stride != 0) ++tap;
  const std::int64_t taps = tap < step && tap < kernel ? ceil_div(kernel - tap, step) : 0;
  const std::int64_t start = taps == 0 ? 0 : (first + pad - tap * dilation) / stride;
  const std::int64_t count = ceil_div(in - first, stride);
  return {{in, count, stride, first}, {tap, step, taps}, {out, count, taps, 1, start, -dilation / common}};
}

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

/// Patches of x whose grid is the first output of each whole square of step x step outputs.
template <class P, class T>
P patches_of(const Sliding& s, const T* x, std::int64_t step) {
  const Window& w = s.window;
  return {x,
          s.n,
          s.c,
          {s.h, s.oh / step, w.kernel.h, step * w.stride.h, -w.pad.h, w.dilation.h},
          {s.w, s.ow / step, w.kernel.w, step * w.stride.w, -w.pad.w, w.dilation.w}};
}

/// The patches of x that the outputs see.
template <class T>
Patches<T> input_patches(const Sliding& s, const T* x) {
  return patches_of<Patches<T>>(s, x, 1);
}

/// The patches of x that the outputs see that lie in whole 2x2 windows.
template <class T>
WindowPatches<T> window_patches(const Sliding& s, const T* x) {
  return patches_of<WindowPatches<T>>(s, x, 2);
}

}  // namespace mpad::kernels
