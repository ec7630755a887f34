// SPDX-License-Identifier: MIT
// Slices of an operand on their way from global to shared memory.
#pragma once
#include "located.cuh"
#include "ptx.cuh"
#include "vector.cuh"

#include <utility>

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
template <class T, Contiguous contiguous_axis, int extent>
struct SharedTile {
  static constexpr Contiguous contiguous = contiguous_axis;
  static constexpr int rows = contiguous == Contiguous::depth ? extent : slice_depth<T>;
  static constexpr int columns = contiguous == Contiguous::depth ? slice_depth<T> : extent;
  static constexpr int chunks = columns / full_pack<T>;
  static_assert(chunks == 4 || chunks % 8 == 0);

  __device__ static int offset(int row, int column) {
    const int key = chunks == 4 ? row >> 1 & 3 : row & 7;
    return row * columns + (column ^ key * full_pack<T>);
  }
  /// The place `distance` (a power of two times a small number) columns behind that of a column below `distance`.
  __device__ static int further(int place, int distance) { return place ^ distance; }
  /// The place of an element by depth and extent.
  __device__ static int at(int depth, int along) {
    return contiguous == Contiguous::depth ? offset(along, depth) : offset(depth, along);
  }
};

/// A slice of halves whose rows run along the extent, in panels of 64 columns behind each other, as products of a
/// warpgroup want it: chunks are permuted as there.
template <int extent>
struct PanelTile {
  static constexpr Contiguous contiguous = Contiguous::extent;
  static constexpr int rows = slice_depth<half>, columns = extent, panel = 64;

  __device__ static int offset(int row, int column) {
    return column / panel * panel * rows + row * panel + (column % panel ^ (row & 7) * full_pack<half>);
  }
  __device__ static int further(int place, int distance) {
    return (place ^ distance % panel) + distance / panel * panel * rows;
  }
};

/// f(0), ..., f(count - 1). Unlike in a loop, compilers know each index before they decide what stays in registers.
template <int count, class F>
__device__ inline void repeat(const F& f) {
  [&]<int... i>(std::integer_sequence<int, i...>) { (f(i), ...); }
  (std::make_integer_sequence<int, count>());
}

/// One thread's share of copying slices of an operand, in runs of `run` elements. Where rows run along the depth, all
/// of a thread's runs are in one column of runs, and it finds one column for each slice and its rows once. Where they
/// run along the extent, its runs are in one row, which it finds for each slice, and it finds their columns once; or,
/// if these are too many, the other way round.
template <class Source, class Tile, int threads, int run>
class TileLoader {
 public:
  using T = typename Source::Element;
  static constexpr Contiguous contiguous = Tile::contiguous;

  /// For the tile that starts at `origin`.
  __device__ TileLoader(const Source& source, unsigned origin) : source_(source), origin_(origin) {
    if constexpr (keeps_columns) {
      repeat<by_rows ? steps : 1>(
          [&](int i) { columns_[i] = source.column(origin + static_cast<unsigned>(column(i))); });
    } else if constexpr (keeps_rows) {
#pragma unroll
      for (int i = 0; i < steps; ++i) rows_[i] = source.row(origin + static_cast<unsigned>(row(i)));
    }
  }

  /// Starts copying the slice that starts at `depth`.
  __device__ void load(T* tile, unsigned depth) const {
    if constexpr (by_rows) {
      const auto found = source_.row(depth + static_cast<unsigned>(row(0)));
      repeat<steps>([&](int i) { copy(tile + place(i), source_.at(found, columns_[i])); });
    } else if constexpr (keeps_columns) {
#pragma unroll unrolled
      for (int i = 0; i < steps; ++i)
        copy(tile + place(i), source_.at(source_.row(depth + static_cast<unsigned>(row(i))), columns_[0]));
    } else {
      const auto found = source_.column(depth + static_cast<unsigned>(column(0)));
#pragma unroll unrolled
      for (int i = 0; i < steps; ++i) {
        typename Source::Row from;
        if constexpr (keeps_rows)
          from = rows_[i];
        else
          from = source_.row(origin_ + static_cast<unsigned>(row(i)));
        copy(tile + place(i), source_.at(from, found));
      }
    }
  }

 private:
  static constexpr int runs = Tile::columns / run, steps = Tile::rows * runs / threads;
  /// More rows or columns than these would not stay in registers.
  static constexpr bool few = steps <= 8;
  static constexpr bool by_rows = contiguous == Contiguous::extent && few && steps <= runs;
  static constexpr bool keeps_columns = contiguous == Contiguous::extent, keeps_rows = !keeps_columns && few;
  static constexpr int unrolled = few ? steps : 4;
  /// Threads that share a row, and rows at a time.
  static constexpr int sharing = by_rows ? runs / steps : runs, at_once = threads / sharing;
  static_assert(threads % sharing == 0 && Tile::rows % at_once == 0 && (!by_rows || at_once == Tile::rows));

  /// By rows, 8 adjacent threads have a chunk of 8 adjacent rows, which lie in different banks.
  __device__ static int row(int i) {
    const int thread = static_cast<int>(threadIdx.x);
    return by_rows ? thread % 8 + thread / 32 * 8 % at_once : thread / sharing + i * at_once;
  }
  __device__ static int column(int i) {
    const int thread = static_cast<int>(threadIdx.x);
    if constexpr (by_rows) return (thread / 8 % 4 + thread / 32 * 8 / at_once * 4 + i * sharing) * run;
    return thread % sharing * run;
  }
  /// Where it goes in a tile. 8 rows further the permutation is the same, and in a row it acts on each bit alone, so
  /// the distance is known when compiling.
  __device__ static int place(int i) {
    if constexpr (by_rows) return Tile::further(Tile::offset(row(0), column(0)), i * sharing * run);
    if constexpr (at_once % 8 == 0) return Tile::offset(row(0), column(0)) + i * at_once * Tile::columns;
    return Tile::offset(row(i), column(0));
  }

  /// Copies the run there, or zeros. cp.async copies 4 bytes or more, and reads no place of which it copies none.
  __device__ static void copy(T* to, const Located<T>& from) {
    constexpr int bytes = run * static_cast<int>(sizeof(T));
    if constexpr (bytes >= 4)
      cp_async<bytes>(to, from.place, from.there ? bytes : 0);
    else
      *to = from.value();
  }

  const Source& source_;
  unsigned origin_;
  typename Source::Row rows_[keeps_rows ? steps : 1];
  typename Source::Column columns_[by_rows ? steps : 1];
};

}  // namespace mpad::kernels
