// SPDX-License-Identifier: MIT
#pragma once
#include "warp_product.cuh"

namespace mpad::kernels {

/// Tensor cores, with products of 16 x 8 x 16 and sums in float.
template <class Shape, Contiguous a_contiguous, Contiguous b_contiguous>
class WarpProduct<half, Shape, a_contiguous, b_contiguous> {
 public:
  __device__ void multiply(const half* a, const half* b) {
#pragma unroll
    for (int depth = 0; depth < slice_depth<half>; depth += 16) {
      std::uint32_t a_part[rows][4];
#pragma unroll
      for (int i = 0; i < rows; ++i)
        load<a_contiguous, Shape::m>(a_part[i], a, depth, Shape::first_m() + 16 * i, 8 * (matrix() / 2),
                                     8 * (matrix() % 2));
#pragma unroll
      for (int j = 0; j < columns; j += 2) {
        std::uint32_t b_pair[4];
        load<b_contiguous, Shape::n>(b_pair, b, depth, Shape::first_n() + 8 * j, 8 * (matrix() % 2),
                                     8 * (matrix() / 2));
        const std::uint32_t b_part[2][2] = {{b_pair[0], b_pair[1]}, {b_pair[2], b_pair[3]}};
#pragma unroll
        for (int i = 0; i < rows; ++i)
#pragma unroll
          for (int e = 0; e < 2; ++e) mma_16x8x16(sums_[i][j + e], a_part[i], b_part[e]);
      }
    }
  }

  template <class F>
  __device__ void for_each_run(const F& f) const {
    const int row = Shape::first_m() + Shape::lane() / 4, column = Shape::first_n() + 2 * (Shape::lane() % 4);
#pragma unroll
    for (int i = 0; i < rows; ++i)
#pragma unroll
      for (int j = 0; j < columns; ++j)
#pragma unroll
        for (int e = 0; e < 2; ++e)
          f(row + 16 * i + 8 * e, column + 8 * j, Pack<float, 2>{{sums_[i][j][2 * e], sums_[i][j][2 * e + 1]}});
  }

 private:
  static constexpr int rows = Shape::warp_m / 16, columns = Shape::warp_n / 8;

  /// Of the four that ldmatrix loads, the one that this lane points into.
  __device__ static int matrix() { return Shape::lane() / 8; }

  /// The 16 x 16 block at (depth, along); this lane's matrix lies (depth_in, along_in) further.
  template <Contiguous contiguous, int extent>
  __device__ static void load(std::uint32_t (&part)[4], const half* tile, int depth, int along, int depth_in,
                              int along_in) {
    const int row = Shape::lane() % 8;
    using Tile = SharedTile<half, contiguous, extent>;
    if constexpr (contiguous == Contiguous::depth)
      ldmatrix(part, tile + Tile::at(depth + depth_in, along + along_in + row));
    else
      ldmatrix_transposed(part, tile + Tile::at(depth + depth_in + row, along + along_in));
  }

  float sums_[rows][columns][4] = {};
};

}  // namespace mpad::kernels
