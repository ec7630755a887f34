// SPDX-License-Identifier: MIT
#pragma once
#include "warp_product.cuh"

namespace mpad::kernels {

/// Tensor cores, with products of 8 x 8 x 4 in double. The k-th column of lane group t = lane % 4 is 2 * t + step: the
/// two steps of a slice read adjacent elements, without bank conflicts in either layout.
template <class Shape, Contiguous a_contiguous, Contiguous b_contiguous>
class WarpProduct<double, Shape, a_contiguous, b_contiguous> {
 public:
  __device__ void multiply(const double* a, const double* b) {
    double a_part[rows][2], b_part[columns][2];
#pragma unroll
    for (int i = 0; i < rows; ++i) load<a_contiguous, Shape::m>(a_part[i], a, Shape::first_m() + 8 * i);
#pragma unroll
    for (int j = 0; j < columns; ++j) load<b_contiguous, Shape::n>(b_part[j], b, Shape::first_n() + 8 * j);
#pragma unroll
    for (int step = 0; step < 2; ++step)
#pragma unroll
      for (int i = 0; i < rows; ++i)
#pragma unroll
        for (int j = 0; j < columns; ++j) mma_8x8x4(sums_[i][j], a_part[i][step], b_part[j][step]);
  }

  template <class F>
  __device__ void for_each_run(const F& f) const {
    const int row = Shape::first_m() + Shape::lane() / 4, column = Shape::first_n() + 2 * (Shape::lane() % 4);
#pragma unroll
    for (int i = 0; i < rows; ++i)
#pragma unroll
      for (int j = 0; j < columns; ++j)
        f(row + 8 * i, column + 8 * j, Pack<double, 2>{{sums_[i][j][0], sums_[i][j][1]}});
  }

 private:
  static_assert(slice_depth<double> == 8);
  static constexpr int rows = Shape::warp_m / 8, columns = Shape::warp_n / 8;

  template <Contiguous contiguous, int extent>
  __device__ static void load(double (&part)[2], const double* tile, int along) {
    using Tile = SharedTile<double, contiguous, extent>;
    const int depth = 2 * (Shape::lane() % 4);
    along += Shape::lane() / 4;
    if constexpr (contiguous == Contiguous::depth) {
      const Pack<double, 2> pack = kernels::load<2>(tile + Tile::at(depth, along));
      part[0] = pack.element[0];
      part[1] = pack.element[1];
    } else {
      part[0] = tile[Tile::at(depth, along)];
      part[1] = tile[Tile::at(depth + 1, along)];
    }
  }

  double sums_[rows][columns][2] = {};
};

}  // namespace mpad::kernels
