// SPDX-License-Identifier: MIT
#pragma once
#include "warp_product.cuh"

namespace mpad::kernels {

/// Where the blocks of 16 x 16 begin that ldmatrix takes from a slice: one for each 16 depths and each of `blocks`
/// along the extent. Of the permuted places a few are found; the others lie at distances that are known when compiling,
/// since 16 rows further the permutation is the same.
template <Contiguous contiguous, int extent, int blocks>
class BlockPlaces {
 public:
  /// Of the blocks from `first` along the extent on, the place of this lane's row: of the lane's matrix, which lies
  /// (depth_in, along_in) within a block.
  __device__ BlockPlaces(const half* tile, int first, int depth_in, int along_in) {
    const int row = static_cast<int>(threadIdx.x) % 8;
#pragma unroll
    for (int v = 0; v < found; ++v)
      places_[v] = tile + (by_depth ? Tile::at(16 * v + depth_in, first + along_in + row)
                                    : Tile::at(depth_in + row, first + 16 * v + along_in));
  }

  __device__ const half* at(int depth, int block) const {
    return by_depth ? places_[depth / 16] + 16 * block * Tile::columns : places_[block] + depth * Tile::columns;
  }

 private:
  using Tile = SharedTile<half, contiguous, extent>;
  static constexpr bool by_depth = contiguous == Contiguous::depth;
  static constexpr int found = by_depth ? slice_depth<half> / 16 : blocks;

  const half* places_[found];
};

/// Tensor cores, with products of 16 x 8 x 16 and sums in float.
template <class Shape, Contiguous a_contiguous, Contiguous b_contiguous>
class WarpProduct<half, Shape, a_contiguous, b_contiguous> {
 public:
  __device__ void multiply(const half* a, const half* b) {
    // Of the four matrices that ldmatrix loads, the one that this lane points into.
    const int matrix = Shape::lane() / 8;
    const BlockPlaces<a_contiguous, Shape::m, rows / 2> a_places(a, Shape::first_m(), 8 * (matrix / 2),
                                                                 8 * (matrix % 2));
    const BlockPlaces<b_contiguous, Shape::n, runs / 2> b_places(b, Shape::first_n(), 8 * (matrix % 2),
                                                                 8 * (matrix / 2));
#pragma unroll
    for (int depth = 0; depth < slice_depth<half>; depth += 16) {
      std::uint32_t a_part[rows / 2][4];
#pragma unroll
      for (int i = 0; i < rows / 2; ++i) load<a_contiguous>(a_part[i], a_places.at(depth, i));
#pragma unroll
      for (int j = 0; j < runs; j += 2) {
        std::uint32_t b_pair[4];
        load<b_contiguous>(b_pair, b_places.at(depth, j / 2));
        const std::uint32_t b_part[2][2] = {{b_pair[0], b_pair[1]}, {b_pair[2], b_pair[3]}};
#pragma unroll
        for (int i = 0; i < rows / 2; ++i)
#pragma unroll
          for (int e = 0; e < 2; ++e) mma_16x8x16(sums_[i][j + e], a_part[i], b_part[e]);
      }
    }
  }

  static constexpr int rows = Shape::warp_m / 8, runs = Shape::warp_n / 8, lanes_of_row = 4;
  __device__ static int row(int i) { return Shape::first_m() + Shape::lane() / 4 + 8 * i; }
  __device__ static int column(int j) { return Shape::first_n() + 2 * (Shape::lane() % 4) + 8 * j; }
  __device__ Pack<float, 2> run(int i, int j) const {
    const float(&sums)[4] = sums_[i / 2][j];
    return {{sums[i % 2 * 2], sums[i % 2 * 2 + 1]}};
  }

 private:
  template <Contiguous contiguous>
  __device__ static void load(std::uint32_t (&part)[4], const half* place) {
    if constexpr (contiguous == Contiguous::depth)
      ldmatrix(part, place);
    else
      ldmatrix_transposed(part, place);
  }

  float sums_[rows / 2][runs][4] = {};
};

}  // namespace mpad::kernels
