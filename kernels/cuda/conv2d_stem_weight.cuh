// SPDX-License-Identifier: MIT
// Weight gradient of 1 or 3 input channels: a narrow product, for which a tile of 64 output channels by 32 weights is
// enough. A thread has 4 x 4 sums; pixels pass through shared memory, 32 at a time, as acc_t.
#pragma once
#include "conv2d_operands.cuh"
#include "implicit_gemm.cuh"

namespace mpad::kernels {

struct StemWeightTile {
  static constexpr int k = 64, taps = 32, pixels = 32, micro = 4, threads = k / micro * (taps / micro);
};

/// Columns `first` to first + columns of `source`, rows `pixel` to pixel + 32, into shared memory.
template <int columns, class Source, class A>
__device__ inline void stage(const Source& source, const typename Source::Column& column, unsigned pixel, A* to) {
  constexpr int at_once = StemWeightTile::threads / columns;
#pragma unroll
  for (int i = 0; i < StemWeightTile::pixels / at_once; ++i) {
    const int row = static_cast<int>(threadIdx.x) / columns + i * at_once;
    const auto* from = source.at(source.row(pixel + static_cast<unsigned>(row)), column);
    to[row * columns + static_cast<int>(threadIdx.x) % columns] = from == nullptr ? A(0) : widen(*from);
  }
}

/// Adds the products of the staged pixels.
template <class A>
__device__ inline void add_pixels(const A* gradients, const A* inputs,
                                  A (&sums)[StemWeightTile::micro][StemWeightTile::micro]) {
  using Tile = StemWeightTile;
#pragma unroll 4
  for (int pixel = 0; pixel < Tile::pixels; ++pixel) {
    const auto g = load<Tile::micro>(gradients + pixel * Tile::k);
    const auto x = load<Tile::micro>(inputs + pixel * Tile::taps);
#pragma unroll
    for (int i = 0; i < Tile::micro; ++i)
#pragma unroll
      for (int j = 0; j < Tile::micro; ++j) sums[i][j] = fma(g.element[i], x.element[j], sums[i][j]);
  }
}

template <class T>
__global__ void __launch_bounds__(StemWeightTile::threads)
    stem_weight_sums(const Matrix<T> gradient, const Patches<T, false> patches, const Destination<T> destination,
                     const Slices slices) {
  using A = acc_t<T>;
  using Tile = StemWeightTile;
  MPAD_SHARED(A, gradients, [Tile::pixels * Tile::k]);
  MPAD_SHARED(A, inputs, [Tile::pixels * Tile::taps]);
  const unsigned thread = threadIdx.x, columns = ceil_div(patches.columns, unsigned{Tile::taps});
  const unsigned first_k = blockIdx.x / columns * Tile::k, first_tap = blockIdx.x % columns * Tile::taps;
  const auto gradient_column = gradient.column(first_k + thread % Tile::k);
  const auto patch_column = patches.column(first_tap + thread % Tile::taps);
  const int my_tap = static_cast<int>(thread) % (Tile::taps / Tile::micro) * Tile::micro;
  const int my_k = static_cast<int>(thread) / (Tile::taps / Tile::micro) * Tile::micro;

  A sums[Tile::micro][Tile::micro] = {};
  const unsigned begin = blockIdx.y * slices.part, end = min(begin + slices.part, slices.count);
  for (unsigned slice = begin; slice < end; ++slice) {
    __syncthreads();  // the pixels before are done with
    stage<Tile::k>(gradient, gradient_column, slice * Tile::pixels, gradients);
    stage<Tile::taps>(patches, patch_column, slice * Tile::pixels, inputs);
    __syncthreads();
    add_pixels(gradients + my_k, inputs + my_tap, sums);
  }
#pragma unroll
  for (int i = 0; i < Tile::micro; ++i) {
    Pack<A, Tile::micro> pack;
#pragma unroll
    for (int j = 0; j < Tile::micro; ++j) pack.element[j] = sums[i][j];
    destination.store(static_cast<std::int64_t>(first_k) + my_k + i, static_cast<int>(first_tap) + my_tap, pack);
  }
}

template <class T>
void stem_weight(const char* op, Cuda where, const Matrix<T>& gradient, const Patches<T, false>& patches,
                 const Destination<T>& destination) {
  using Tile = StemWeightTile;
  const std::int64_t tiles =
      ceil_div<std::int64_t>(gradient.columns, Tile::k) * ceil_div<std::int64_t>(patches.columns, Tile::taps);
  const Slices slices = cut_reduction(tiles, ceil_div<std::int64_t>(gradient.rows, Tile::pixels), 8);
  in_parts(op, where, destination, slices, [&](const Destination<T>& to, unsigned parts) {
    launch(op, stem_weight_sums<T>, dim3(static_cast<unsigned>(tiles), parts), Tile::threads, 0,
           static_cast<cudaStream_t>(where.stream), gradient, patches, to, slices);
  });
}

}  // namespace mpad::kernels
