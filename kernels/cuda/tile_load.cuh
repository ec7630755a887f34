// SPDX-License-Identifier: MIT
// Slices of an operand on their way from global to shared memory.
#pragma once
#include "ptx.cuh"
#include "vector.cuh"

namespace mpad::kernels {

/// Which axis of an operand is contiguous, in global memory and in a tile: the depth of the reduction, so that each row
/// is a row or column of the result; or the extent along the result, so that each row is one term of its sums.
enum class Contiguous { depth, extent };

/// Elements of the reduction in one slice: 64 bytes of them.
template <class T>
inline constexpr int slice_depth = 64 / static_cast<int>(sizeof(T));

/// A slice of an operand in shared memory, row-major. Each row is cut into chunks of 16 bytes, whose order within
/// groups of up to 8 is permuted by exclusive or with the row's number, so that the chunks in one column of 8 adjacent
/// rows, which ldmatrix and fragments read together, lie in different banks.
template <class T, Contiguous contiguous, int extent>
struct SharedTile {
  static constexpr int rows = contiguous == Contiguous::depth ? extent : slice_depth<T>;
  static constexpr int columns = contiguous == Contiguous::depth ? slice_depth<T> : extent;
  static constexpr int chunks = columns / full_pack<T>;
  static_assert(chunks == 4 || chunks % 8 == 0);

  __device__ static int offset(int row, int column) {
    const int key = chunks == 4 ? row >> 1 & 3 : row & 7;
    return row * columns + (column ^ key * full_pack<T>);
  }
  /// The same by depth and extent.
  __device__ static int at(int depth, int along) {
    return contiguous == Contiguous::depth ? offset(along, depth) : offset(depth, along);
  }
};

/// One thread's share of copying slices of an operand: runs of `run` elements, all in one column of runs, so that each
/// thread finds one column and `steps` rows, one of the two once and the other for each slice.
template <class Source, Contiguous contiguous, int extent, int threads, int run>
class TileLoader {
 public:
  using T = typename Source::Element;
  using Tile = SharedTile<T, contiguous, extent>;

  /// For the tile that starts at `origin`.
  __device__ TileLoader(const Source& source, unsigned origin) : source_(source), origin_(origin) {
    if constexpr (contiguous == Contiguous::extent) {
      column_ = source.column(origin + static_cast<unsigned>(column()));
    } else if constexpr (keeps_rows) {
#pragma unroll
      for (int i = 0; i < steps; ++i) rows_[i] = source.row(origin + static_cast<unsigned>(row(i)));
    }
  }

  /// Starts copying the slice that starts at `depth`.
  __device__ void load(T* tile, unsigned depth) const {
    if constexpr (contiguous == Contiguous::extent) {
#pragma unroll unrolled
      for (int i = 0; i < steps; ++i)
        copy(tile + Tile::offset(row(i), column()),
             source_.at(source_.row(depth + static_cast<unsigned>(row(i))), column_));
    } else {
      const auto found = source_.column(depth + static_cast<unsigned>(column()));
#pragma unroll unrolled
      for (int i = 0; i < steps; ++i) {
        typename Source::Row from;
        if constexpr (keeps_rows)
          from = rows_[i];
        else
          from = source_.row(origin_ + static_cast<unsigned>(row(i)));
        copy(tile + Tile::offset(row(i), column()), source_.at(from, found));
      }
    }
  }

 private:
  static constexpr int runs = Tile::columns / run, at_once = threads / runs, steps = Tile::rows / at_once;
  static_assert(threads % runs == 0 && Tile::rows % at_once == 0);
  /// More rows than these would not stay in registers; they are found anew for each slice.
  static constexpr bool keeps_rows = contiguous == Contiguous::depth && steps <= 8;
  static constexpr int unrolled = steps <= 8 ? steps : 4;

  __device__ static int row(int i) { return static_cast<int>(threadIdx.x) / runs + i * at_once; }
  __device__ static int column() { return static_cast<int>(threadIdx.x) % runs * run; }

  /// Copies the run at `from`, or zeros if that is null. cp.async copies 4 bytes or more.
  __device__ void copy(T* to, const T* from) const {
    constexpr int bytes = run * static_cast<int>(sizeof(T));
    if constexpr (bytes >= 4)
      cp_async<bytes>(to, from == nullptr ? source_.data : from, from == nullptr ? 0 : bytes);
    else
      *to = from == nullptr ? narrow<T>(0) : *from;
  }

  const Source& source_;
  unsigned origin_;
  typename Source::Row rows_[keeps_rows ? steps : 1];
  typename Source::Column column_;
};

}  // namespace mpad::kernels
