// SPDX-License-Identifier: MIT
#pragma once
#include "warp_product.cuh"

namespace mpad::kernels {

/// What a lane reads of a slice: depths 2 * (lane % 4) and the one behind it of one element in each 8 along the extent.
/// Of the permuted places one or two are found; the others lie at distances that are known when compiling.
template <Contiguous contiguous, int extent>
class PairPlaces {
 public:
  __device__ explicit PairPlaces(int first) {
    const int lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll
    for (int v = 0; v < found; ++v) places_[v] = Tile::at(2 * (lane % 4) + v, first + lane / 4);
  }

  /// The two depths of the i-th 8.
  __device__ Pack<double, 2> load(const double* tile, int i) const {
    if constexpr (by_depth) return kernels::load<2>(tile + places_[0] + 8 * i * Tile::columns);
    // The permutation acts on the last of the bits that tell the 8 apart.
    const auto place = [&](int v) { return (places_[v] ^ 8 * (i % 2)) + 16 * (i / 2); };
    return {{tile[place(0)], tile[place(found - 1)]}};
  }

 private:
  using Tile = SharedTile<double, contiguous, extent>;
  static constexpr bool by_depth = contiguous == Contiguous::depth;
  static constexpr int found = by_depth ? 1 : 2;

  int places_[found];
};

/// Tensor cores, with products of 8 x 8 x 4 in double. The k-th column of lane group t = lane % 4 is 2 * t + step: the
/// two steps of a slice read adjacent elements, without bank conflicts in either layout.
template <class Shape, Contiguous a_contiguous, Contiguous b_contiguous>
class WarpProduct<double, Shape, a_contiguous, b_contiguous> {
 public:
  __device__ void multiply(const double* a, const double* b) {
    const PairPlaces<a_contiguous, Shape::m> a_places(Shape::first_m());
    const PairPlaces<b_contiguous, Shape::n> b_places(Shape::first_n());
    Pack<double, 2> a_part[rows], b_part[runs];
#pragma unroll
    for (int i = 0; i < rows; ++i) a_part[i] = a_places.load(a, i);
#pragma unroll
    for (int j = 0; j < runs; ++j) b_part[j] = b_places.load(b, j);
#pragma unroll
    for (int step = 0; step < 2; ++step)
#pragma unroll
      for (int i = 0; i < rows; ++i)
#pragma unroll
        for (int j = 0; j < runs; ++j) mma_8x8x4(sums_[i][j], a_part[i].element[step], b_part[j].element[step]);
  }

  static constexpr int rows = Shape::warp_m / 8, runs = Shape::warp_n / 8, lanes_of_row = 4;
  __device__ static int row(int i) { return Shape::first_m() + Shape::lane() / 4 + 8 * i; }
  __device__ static int column(int j) { return Shape::first_n() + 2 * (Shape::lane() % 4) + 8 * j; }
  __device__ Pack<double, 2> run(int i, int j) const { return {{sums_[i][j][0], sums_[i][j][1]}}; }

 private:
  static_assert(slice_depth<double> == 8);

  double sums_[rows][runs][2] = {};
};

}  // namespace mpad::kernels
