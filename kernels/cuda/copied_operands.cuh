// SPDX-License-Identifier: MIT
// The operands of convolutions in half whose slices the tensor memory accelerator copies: of each matrix of
// conv2d_operands.cuh, how it lies in memory as a tensor, and where a slice begins there.
#pragma once
#include "conv2d_operands.cuh"
#include "tensor_copy.cuh"
#include "tensor_map.h"
#include "tile_load.cuh"

#include <algorithm>
#include <type_traits>

namespace mpad::kernels {

/// What one copy brings of a slice of `extent` rows or columns: all of them by the slice's depth, which is contiguous;
/// or 64 of them, a panel, in rows along the extent.
template <Contiguous contiguous, int extent>
struct CopiedBox {
  static constexpr bool by_depth = contiguous == Contiguous::depth;
  static constexpr int depth = slice_depth<half>, width = by_depth ? depth : 64, rows = by_depth ? extent : depth;
  static constexpr int boxes = extent * depth / (width * rows);
};

/// A row-major matrix, whose rows lie behind each other.
struct CopiedMatrix {
  using Row = int;
  using Column = int;

  CUtensorMap map;

  __device__ Row row(unsigned i) const { return static_cast<int>(i); }
  __device__ Column column(unsigned j) const { return static_cast<int>(j); }
  __device__ void copy(half* to, Row row, Column column, CopyBarrier& barrier) const {
    copy_box(to, map, {column, row, 0, 0}, barrier);
  }
};

/// The same of pixels that are taken place by place.
struct CopiedPlacedRows {
  using Row = Divided;
  using Column = int;

  CUtensorMap map;  // channels, places, images
  FastDivision by_images;

  __device__ Row row(unsigned i) const { return by_images.divide(i); }
  __device__ Column column(unsigned j) const { return static_cast<int>(j); }
  __device__ void copy(half* to, Row row, Column column, CopyBarrier& barrier) const {
    copy_box(to, map, {column, static_cast<int>(row.quotient), static_cast<int>(row.remainder), 0}, barrier);
  }
};

/// Weights by tap.
struct CopiedWeightsByTap {
  using Row = WeightsByTap<half>::Place;
  using Column = int;

  CUtensorMap map;  // channels, taps, k
  WeightsByTap<half> weights;

  __device__ Row row(unsigned i) const { return weights.place(i); }
  __device__ Column column(unsigned j) const { return static_cast<int>(j); }
  __device__ void copy(half* to, Row row, Column column, CopyBarrier& barrier) const {
    copy_box(to, map, {column, static_cast<int>(row.tap), static_cast<int>(row.k), 0}, barrier);
  }
};

/// Where taps of patches lie, from the pixel that is first in memory of those that a patch reads.
inline int first_of_taps(int taps, int step) { return std::min(0, (taps - 1) * step); }

/// Patches of images: the pixels' box is that of the first pixels which they read.
struct CopiedPatches {
  struct Row {
    int w, h, image;  // of that pixel
  };
  struct Column {
    int right, down, c;  // from there
  };

  CUtensorMap map;
  FastDivision by_channels, by_width;
  EitherGrid grid;
  unsigned columns;
  int channels, step_h, step_w, first_h, first_w;

  __device__ Row row(unsigned i) const {
    const PixelGrid::Pixel pixel = grid.at(i);
    return {pixel.w + first_w, pixel.h + first_h, static_cast<int>(pixel.image)};
  }
  /// Beyond the last column lies no channel.
  __device__ Column column(unsigned j) const {
    if (j >= columns) return {0, 0, channels};
    const Divided tap = by_channels.divide(j), position = by_width.divide(tap.quotient);
    return {static_cast<int>(position.remainder) * step_w - first_w,
            static_cast<int>(position.quotient) * step_h - first_h, static_cast<int>(tap.remainder)};
  }
  __device__ void copy(half* to, const Row& row, const Column& column, CopyBarrier& barrier) const {
    if (grid.by_place)
      copy_box(to, map, {column.c, row.w + column.right, row.h + column.down, row.image}, barrier);
    else
      copy_pixels(to, map, {column.c, row.w, row.h, row.image}, column.right, column.down, barrier);
  }
};

/// A matrix of which slices of `extent` rows or columns are copied. `Copied` finds rows, by row(), and columns, by
/// column(), and starts copies from there on, by copy().
template <class Copied, Contiguous contiguous_axis, int extent>
struct CopiedOperand {
  static constexpr Contiguous contiguous = contiguous_axis;
  using Matrix = Copied;
  using Box = CopiedBox<contiguous, extent>;
  Copied matrix;
};

/// Copies slices of an operand, for the tile that begins at `origin`, whose rows or columns are found once.
template <class Operand>
class CopiedSlices {
 public:
  __device__ CopiedSlices(const Operand& operand, unsigned origin) : matrix_(operand.matrix) {
    repeat<Box::boxes>([&](int i) {
      const unsigned along = origin + static_cast<unsigned>(i * Box::width);
      if constexpr (Box::by_depth)
        along_[i] = matrix_.row(along);
      else
        along_[i] = matrix_.column(along);
    });
  }

  /// Starts copying the slice that starts at `depth`.
  __device__ void copy(half* tile, unsigned depth, CopyBarrier& barrier) const {
    const auto box = [&](int i) { return tile + i * Box::width * Box::rows; };
    if constexpr (Box::by_depth) {
      matrix_.copy(tile, along_[0], matrix_.column(depth), barrier);
    } else {
      const auto row = matrix_.row(depth);
      repeat<Box::boxes>([&](int i) { matrix_.copy(box(i), row, along_[i], barrier); });
    }
  }

 private:
  using Matrix = typename Operand::Matrix;
  using Box = typename Operand::Box;

  const Matrix& matrix_;
  std::conditional_t<Box::by_depth, typename Matrix::Row, typename Matrix::Column> along_[Box::boxes];
};

/// The order in which rows of patches take the pixels. Windows take several places in turn, which no copy does.
inline EitherGrid order_of(const Patches<half>& p) { return EitherGrid(p.grid); }
inline EitherGrid order_of(const PlacedPatches<half, EitherGrid>& p) { return p.places; }
inline EitherGrid order_of(const PlacedPatches<half, PlaceGrid>& p) { return EitherGrid(p.places, p.images); }
void order_of(const WindowPatches<half>& p) = delete;

template <class P>
concept PatchesInOrder = requires(const P& p) {
  order_of(p).by_place;
};

/// The operands as they are copied for slices of `extent` rows or columns. can_copy() says whether they can be.
template <Contiguous contiguous, int extent>
struct Copying {
  using Box = CopiedBox<contiguous, extent>;
  static constexpr std::uint32_t width = Box::width, rows = Box::rows;

  static bool can_copy(const Matrix<half>& m) { return tensor_of(m).can_be_mapped(); }
  static bool can_copy(const PlacedRows<half>& m) { return tensor_of(m).can_be_mapped(); }
  static bool can_copy(const WeightsByTap<half>& m) { return tensor_of(m).can_be_mapped(); }
  /// A copy must not go from one tap, or one place, to another.
  template <PatchesInOrder P>
  static bool can_copy(const P& p) {
    const EitherGrid grid = order_of(p);
    const cuda::HalfTensor images = tensor_of(p, grid);
    if (!images.can_be_mapped() || images.size[0] % width != 0) return false;
    return grid.by_place ? images.size[3] % rows == 0 : reaches_few(p) && box_of(p, grid).can_be_mapped(images);
  }

  static CopiedMatrix copied(const char* op, const Matrix<half>& m) {
    return {cuda::map_boxes(op, tensor_of(m), {width, rows, 1, 1})};
  }
  static CopiedPlacedRows copied(const char* op, const PlacedRows<half>& m) {
    return {cuda::map_boxes(op, tensor_of(m), {width, 1, rows, 1}), m.by_images};
  }
  static CopiedWeightsByTap copied(const char* op, const WeightsByTap<half>& m) {
    return {cuda::map_boxes(op, tensor_of(m), {width, 1, rows, 1}), m};
  }
  template <PatchesInOrder P>
  static CopiedPatches copied(const char* op, const P& p) {
    const EitherGrid grid = order_of(p);
    const cuda::HalfTensor images = tensor_of(p, grid);
    const CUtensorMap map = grid.by_place ? cuda::map_boxes(op, images, {width, 1, 1, rows})
                                          : cuda::map_pixels(op, images, box_of(p, grid), width, rows);
    return {map,
            p.by_channels,
            p.by_width,
            grid,
            p.columns,
            p.channels,
            p.step_h,
            p.step_w,
            first_of_taps(p.taps_h, p.step_h),
            first_of_taps(p.taps_w, p.step_w)};
  }

 private:
  static cuda::HalfTensor tensor_of(const Matrix<half>& m) { return {m.data, {m.columns, m.rows, 1, 1}}; }
  static cuda::HalfTensor tensor_of(const PlacedRows<half>& m) {
    return {m.data, {m.columns, m.places, m.by_images.divisor(), 1}};
  }
  static cuda::HalfTensor tensor_of(const WeightsByTap<half>& m) {
    return {m.data, {m.columns, m.taps, m.by_k.divisor(), 1}};
  }
  static cuda::HalfTensor tensor_of(const Patches<half>& p, const EitherGrid& grid) {
    return {p.data, {p.channels, grid.w.from, grid.h.from, p.images}};
  }
  /// Whether copies have room for the distance between taps.
  static bool reaches_few(const Patches<half>& p) {
    return std::abs(std::int64_t{p.taps_h - 1} * p.step_h) < 256 &&
           std::abs(std::int64_t{p.taps_w - 1} * p.step_w) < 256;
  }
  static cuda::PixelBox box_of(const Patches<half>& p, const EitherGrid& grid) {
    return {{grid.w.start + first_of_taps(p.taps_w, p.step_w), grid.h.start + first_of_taps(p.taps_h, p.step_h)},
            {grid.w.scale, grid.h.scale},
            {grid.w.to, grid.h.to}};
  }
};

}  // namespace mpad::kernels
