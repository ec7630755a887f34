// SPDX-License-Identifier: MIT
// The product of two slices in shared memory, by one warp for its part of the block's tile.
#pragma once
#include "tile_load.cuh"

namespace mpad::kernels {

/// How a block's tile is cut: warps_m x warps_n warps, each with rows x columns sums.
template <int warps_m, int warps_n, int rows, int columns>
struct BlockShape {
  /// How slices of the operands lie in shared memory.
  template <class T, Contiguous contiguous>
  using TileA = SharedTile<T, contiguous, warps_m * rows>;
  template <class T, Contiguous contiguous>
  using TileB = SharedTile<T, contiguous, warps_n * columns>;
  static constexpr bool asynchronous = false;
  static constexpr int warp_m = rows, warp_n = columns, sums = rows * columns / 32;  // of each thread
  static constexpr int m = warps_m * warp_m, n = warps_n * warp_n, threads = 32 * warps_m * warps_n;

  __device__ static int lane() { return static_cast<int>(threadIdx.x) % 32; }
  __device__ static int first_m() { return static_cast<int>(threadIdx.x) / 32 % warps_m * warp_m; }
  __device__ static int first_n() { return static_cast<int>(threadIdx.x) / 32 / warps_m * warp_n; }
};

/// multiply(a, b) adds the product of two slices to the sums that the thread holds: `runs` runs of adjacent sums,
/// run(i, j), in each of `rows` rows. Within the block's tile they lie at row(i) and from column(j) on. Where the depth
/// of both operands is contiguous, lane l has row l / lanes_of_row of each four or eight, and columns 8 apart. Each sum
/// takes its terms in the order of an unsplit reduction, whatever the shape.
template <class T, class Shape, Contiguous a_contiguous, Contiguous b_contiguous>
class WarpProduct;

}  // namespace mpad::kernels
