// SPDX-License-Identifier: MIT
// The product of two slices in shared memory, by one warp for its part of the block's tile.
#pragma once
#include "tile_load.cuh"

namespace mpad::kernels {

/// How a block's tile is cut: warps_m x warps_n warps, each with 32 rows and warp_n columns.
template <int warps_m, int warps_n, int columns>
struct BlockShape {
  static constexpr int warp_m = 32, warp_n = columns;
  static constexpr int m = warps_m * warp_m, n = warps_n * warp_n, threads = 32 * warps_m * warps_n;

  __device__ static int lane() { return static_cast<int>(threadIdx.x) % 32; }
  __device__ static int first_m() { return static_cast<int>(threadIdx.x) / 32 % warps_m * warp_m; }
  __device__ static int first_n() { return static_cast<int>(threadIdx.x) / 32 / warps_m * warp_n; }
};

/// multiply(a, b) adds the product of two slices to the sums that the thread holds. for_each_run(f) calls f(row,
/// column, pack) for each run of adjacent sums, places within the block's tile. Each sum takes its terms in the order
/// of an unsplit reduction, whatever the shape.
template <class T, class Shape, Contiguous a_contiguous, Contiguous b_contiguous>
class WarpProduct;

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

/// Fused multiply-adds: lane (y, x) of 4 x 8 has warp_m / 4 x warp_n / 8 sums. Where the depth is contiguous, adjacent
/// lanes have adjacent rows or columns; else each has runs of 4.
template <class Shape, Contiguous a_contiguous, Contiguous b_contiguous>
class WarpProduct<float, Shape, a_contiguous, b_contiguous> {
 public:
  __device__ void multiply(const float* a, const float* b) {
    // Two depths at a time, one pack of b after another: with more in flight the large tile needs over 128 registers.
#pragma unroll 1
    for (int depth = 0; depth < slice_depth<float>; depth += depths) {
      float a_part[rows][depths];
#pragma unroll
      for (int i = 0; i < packs<a_contiguous>(rows); ++i) {
        const auto pack = load<a_contiguous, Shape::m, 4>(a, depth, Shape::first_m(), y(), i);
#pragma unroll
        for (int e = 0; e < size<a_contiguous>; ++e)
          a_part[element<a_contiguous>(i, e)][at_depth<a_contiguous>(i, e)] = pack.element[e];
      }
#pragma unroll
      for (int j = 0; j < packs<b_contiguous>(columns); ++j) {
        const auto pack = load<b_contiguous, Shape::n, 8>(b, depth, Shape::first_n(), x(), j);
#pragma unroll
        for (int e = 0; e < size<b_contiguous>; ++e)
#pragma unroll
          for (int i = 0; i < rows; ++i) {
            float& sum = sums_[i][element<b_contiguous>(j, e)];
            sum = fmaf(a_part[i][at_depth<b_contiguous>(j, e)], pack.element[e], sum);
          }
      }
    }
  }

  template <class F>
  __device__ void for_each_run(const F& f) const {
    constexpr int run = b_contiguous == Contiguous::extent ? 4 : 1;
#pragma unroll
    for (int i = 0; i < rows; ++i)
#pragma unroll
      for (int j = 0; j < columns; j += run) {
        Pack<float, run> pack;
#pragma unroll
        for (int e = 0; e < run; ++e) pack.element[e] = sums_[i][j + e];
        f(Shape::first_m() + place<a_contiguous, 4>(y(), i), Shape::first_n() + place<b_contiguous, 8>(x(), j), pack);
      }
  }

 private:
  static constexpr int rows = Shape::warp_m / 4, columns = Shape::warp_n / 8, depths = 2;

  __device__ static int y() { return Shape::lane() / 8; }
  __device__ static int x() { return Shape::lane() % 8; }

  /// Where element i of lane `lane` of `lanes` lies within the warp's tile.
  template <Contiguous contiguous, int lanes>
  __device__ static int place(int lane, int i) {
    return contiguous == Contiguous::depth ? lane + lanes * i : i / 4 * 4 * lanes + 4 * lane + i % 4;
  }

  /// Fragments of `depths` depths come in packs: of one element at each depth, or of four elements at one depth.
  template <Contiguous contiguous>
  static constexpr int size = contiguous == Contiguous::depth ? depths : 4;
  template <Contiguous contiguous>
  __device__ static constexpr int packs(int elements) {
    return elements * depths / size<contiguous>;
  }
  template <Contiguous contiguous>
  __device__ static constexpr int element(int pack, int e) {
    return contiguous == Contiguous::depth ? pack : pack / depths * 4 + e;
  }
  template <Contiguous contiguous>
  __device__ static constexpr int at_depth(int pack, int e) {
    return contiguous == Contiguous::depth ? e : pack % depths;
  }
  template <Contiguous contiguous, int extent, int lanes>
  __device__ static Pack<float, size<contiguous>> load(const float* tile, int depth, int first, int lane, int pack) {
    using Tile = SharedTile<float, contiguous, extent>;
    const int along = first + place<contiguous, lanes>(lane, element<contiguous>(pack, 0));
    return kernels::load<size<contiguous>>(tile + Tile::at(depth + at_depth<contiguous>(pack, 0), along));
  }

  float sums_[rows][columns] = {};
};

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
