// SPDX-License-Identifier: MIT
#pragma once
#include "warp_product.cuh"

namespace mpad::kernels {

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

}  // namespace mpad::kernels
