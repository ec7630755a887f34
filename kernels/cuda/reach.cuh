// SPDX-License-Identifier: MIT
// Which slices of its reduction a tile of a convolution's product needs. Where the rows of a tile lie at one place in
// many images, the taps that are beyond the edge for one of them are so for all, and are left out: of 3x3 taps on 2x2
// pixels five of nine. A weight gradient leaves out the pixels that the taps of a tile do not reach.
#pragma once
#include "fast_division.cuh"

namespace mpad::kernels {

/// Numbers first, ..., end - 1.
struct Range {
  int first, end;
};

/// One axis of the images under a convolution. Number i of the reduction and number e of the result, one an output and
/// the other a tap, meet at position start + i * step + e * result_step, which is in the image from 0 to below `from`.
/// result_step is not negative.
struct ReachAxis {
  int from = 1, start = 0;
  int step = 0, count = 1;                // of the reduction
  int result_step = 0, result_count = 1;  // of the result

  /// What of the reduction is left when numbers that meet none of the results `first` to `last` in the image are taken
  /// from both ends.
  __host__ __device__ Range reached(int first, int last) const {
    const auto misses = [&](int i) {
      const int at = start + i * step;
      return at + last * result_step < 0 || at + first * result_step >= from;
    };
    Range range{0, count};
    while (range.first < range.end && misses(range.first)) ++range.first;
    while (range.first < range.end && misses(range.end - 1)) --range.end;
    return range;
  }
};

/// Slices of a reduction: `count` of them, in lines of `line` in a row that begin `pitch` from each other.
struct TileSlices {
  unsigned first, line, pitch, count;
};

/// What the tiles of a product reach. Of the reduction and of the result along one side of the tiles, elements are
/// numbered by the two axes and then by what lies at one place of them: channels, or images.
struct Reach {
  ReachAxis h{}, w{};
  unsigned inner = 1;    // slices of the reduction at one place
  unsigned extent = 1;   // elements of the result, below 2^31
  unsigned granule = 1;  // Tiles within the same `granule` elements, a power of two, reach the same.
  bool of_rows = true;   // or of columns
  FastDivision by_inner_of_result{}, by_row{};  // elements of the result at one place, places in a row

  Reach() = default;
  Reach(const ReachAxis& vertical, const ReachAxis& horizontal, unsigned slices_at_place, unsigned elements_at_place,
        unsigned elements, unsigned of_tile, bool along_rows)
      : h(vertical),
        w(horizontal),
        inner(slices_at_place),
        extent(elements),
        granule(of_tile),
        of_rows(along_rows),
        by_inner_of_result(elements_at_place),
        by_row(horizontal.result_count) {}

  /// What a tile reaches that begins at this row and column.
  __host__ __device__ TileSlices of(unsigned row, unsigned rows, unsigned column, unsigned columns) const {
    return of_rows ? along(row, rows) : along(column, columns);
  }

  __host__ __device__ TileSlices along(unsigned first, unsigned size) const {
    const unsigned begin = first & ~(granule - 1), behind = ((first + size - 1) | (granule - 1)) + 1,
                   end = behind < extent ? behind : extent;
    const Divided from = by_row.divide(by_inner_of_result.quotient(begin)),
                  to = by_row.divide(by_inner_of_result.quotient(end - 1));
    const int top = static_cast<int>(from.quotient), bottom = static_cast<int>(to.quotient);
    const Range down = h.reached(top, bottom),
                right = top == bottom ? w.reached(static_cast<int>(from.remainder), static_cast<int>(to.remainder))
                                      : w.reached(0, w.result_count - 1);
    const unsigned line = static_cast<unsigned>(right.end - right.first) * inner,
                   pitch = static_cast<unsigned>(w.count) * inner;
    return {static_cast<unsigned>(down.first) * pitch + static_cast<unsigned>(right.first) * inner, line, pitch,
            static_cast<unsigned>(down.end - down.first) * line};
  }
};

/// Goes from slice to slice.
class SliceWalk {
 public:
  /// From the i-th of them on, if there is one.
  __device__ SliceWalk(const TileSlices& slices, unsigned i)
      : line_(slices.line), gap_(slices.pitch - slices.line), at_(slices.first) {
    if (i < slices.count && i >= line_) {
      at_ += i / line_ * slices.pitch;
      i %= line_;
    }
    at_ += i;
    left_ = line_ - i;
  }

  __device__ unsigned next() {
    const unsigned at = at_++;
    if (--left_ == 0) {
      left_ = line_;
      at_ += gap_;
    }
    return at;
  }

 private:
  unsigned line_, gap_, at_, left_;
};

}  // namespace mpad::kernels
