// SPDX-License-Identifier: MIT
#pragma once
#include "warp_product.cuh"

namespace mpad::kernels {

/// What lane `lane` of `lanes` along the extent reads of a slice. Of the permuted places a few are found; the others
/// lie at distances that are known when compiling, since a permutation by exclusive or acts on each bit alone.
template <Contiguous contiguous, int extent, int lanes>
class LanePlaces {
 public:
  __device__ LanePlaces(const float* tile, int first, int lane) {
#pragma unroll
    for (int v = 0; v < found; ++v)
      places_[v] = tile + (by_depth ? Tile::at(4 * v, first + lane) : Tile::at(v, first + 4 * lane));
  }

  /// Of the lane's element i; from there on 4 are adjacent along the extent, or along the depth.
  __device__ const float* at(int depth, int i) const {
    if constexpr (by_depth) {
      const int further = lanes * i;
      return places_[depth / 4 ^ (further >> 1 & 3)] + further * Tile::columns + depth % 4;
    } else {
      const int v = depth % found;
      return places_[v] + (depth - v) * Tile::columns + (i / 4 * 4 * lanes ^ 4 * (depth % 8 - v)) + i % 4;
    }
  }
  /// Where that element lies along the extent, from the first of the warp on.
  __device__ static int along(int lane, int i) {
    return by_depth ? lane + lanes * i : i / 4 * 4 * lanes + 4 * lane + i % 4;
  }

 private:
  using Tile = SharedTile<float, contiguous, extent>;
  static constexpr bool by_depth = contiguous == Contiguous::depth;
  static constexpr int found = by_depth ? Tile::chunks : lanes;
  static_assert((by_depth ? found == 4 : found == 4 || found == 8) && slice_depth<float> == 16);

  const float* places_[found];
};

/// Fused multiply-adds: lane (y, x) of 4 x 8 has warp_m / 4 x warp_n / 8 sums. Where the depth is contiguous, adjacent
/// lanes have adjacent rows or columns; else each has runs of 4.
template <class Shape, Contiguous a_contiguous, Contiguous b_contiguous>
class WarpProduct<float, Shape, a_contiguous, b_contiguous> {
 public:
  __device__ void multiply(const float* a, const float* b) {
    const PlacesA a_places(a, Shape::first_m(), y());
    const PlacesB b_places(b, Shape::first_n(), x());
    // Two depths at a time, one pack of b after another: with more in flight the large tile needs too many registers.
#pragma unroll
    for (int depth = 0; depth < slice_depth<float>; depth += depths) {
      float a_part[rows][depths];
#pragma unroll
      for (int i = 0; i < packs<a_contiguous>(rows); ++i) {
        const auto pack = load<a_contiguous>(a_places, depth, i);
#pragma unroll
        for (int e = 0; e < size<a_contiguous>; ++e)
          a_part[element<a_contiguous>(i, e)][at_depth<a_contiguous>(i, e)] = pack.element[e];
      }
#pragma unroll
      for (int j = 0; j < packs<b_contiguous>(columns); ++j) {
        const auto pack = load<b_contiguous>(b_places, depth, j);
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

  static constexpr int rows = Shape::warp_m / 4, run_size = b_contiguous == Contiguous::extent ? 4 : 1,
                       runs = Shape::warp_n / 8 / run_size, lanes_of_row = 8;
  __device__ static int row(int i) { return Shape::first_m() + PlacesA::along(y(), i); }
  __device__ static int column(int j) { return Shape::first_n() + PlacesB::along(x(), j * run_size); }
  __device__ Pack<float, run_size> run(int i, int j) const {
    Pack<float, run_size> pack;
#pragma unroll
    for (int e = 0; e < run_size; ++e) pack.element[e] = sums_[i][j * run_size + e];
    return pack;
  }

 private:
  static constexpr int columns = Shape::warp_n / 8, depths = 2;
  using PlacesA = LanePlaces<a_contiguous, Shape::m, 4>;
  using PlacesB = LanePlaces<b_contiguous, Shape::n, 8>;

  __device__ static int y() { return Shape::lane() / 8; }
  __device__ static int x() { return Shape::lane() % 8; }

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
  template <Contiguous contiguous, class Places>
  __device__ static Pack<float, size<contiguous>> load(const Places& places, int depth, int pack) {
    return kernels::load<size<contiguous>>(
        places.at(depth + at_depth<contiguous>(pack, 0), element<contiguous>(pack, 0)));
  }

  float sums_[rows][columns] = {};
};

}  // namespace mpad::kernels
