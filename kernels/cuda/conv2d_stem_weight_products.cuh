// SPDX-License-Identifier: MIT
// Weight gradient of 1 or 3 input channels in half, by tensor cores: 64 output channels by one slice of taps, over 128
// pixels at a time, of which each thread gathers one. Of the pixels that follow the gradient is on its way, and the
// patches are in registers, while those before are multiplied.
#pragma once
#include "conv2d_stem_taps.cuh"
#include "implicit_gemm.cuh"

namespace mpad::kernels {

using StemWeightShape = BlockShape<4, 1, 16, 32>;

template <int channels, int run>
__global__ void __launch_bounds__(StemWeightShape::threads)
    stem_weight_products(const Matrix<half> gradient, const Patches<half> patches, const Destination<half> destination,
                         const EvenParts parts) {
  follow_kernels_before();
  using Shape = StemWeightShape;
  using Slice = TapSlice<channels>;
  using TileA = Shape::TileA<half, Contiguous::extent>;
  constexpr int depth = slice_depth<half>, at_once = Shape::threads / depth;  // slices of the reduction
  constexpr int a_size = Shape::m * depth, b_size = Shape::n * depth;
  MPAD_SHARED_PERMUTED(half, gradients, [2][at_once * a_size]);
  MPAD_SHARED_PERMUTED(half, inputs, [at_once * b_size]);
  MPAD_SHARED(Tap, taps, [Slice::taps]);
  const unsigned columns = Slice::count(patches.columns);
  const unsigned first_k = blockIdx.x / columns * Shape::m, of_taps = blockIdx.x % columns;
  const TileLoader<Matrix<half>, TileA, Shape::threads, run> load_gradient(gradient, first_k);
  Slice::find_taps(patches, of_taps, 1, taps);
  __syncthreads();

  Slice values;
  const auto load = [&](unsigned pixels, int stage) {
    const unsigned first = pixels * Shape::threads;
#pragma unroll
    for (int i = 0; i < at_once; ++i)
      load_gradient.load(gradients[stage] + i * a_size, first + static_cast<unsigned>(i * depth));
    cp_async_commit();
    values.load(find_patch<channels>(patches, first + threadIdx.x), taps);
  };
  WarpProduct<half, Shape, Contiguous::extent, Contiguous::extent> product;
  const unsigned begin = parts.begin(blockIdx.y), end = begin + parts.size(blockIdx.y);
  if (begin < end) load(begin, 0);
  int stage = 0;
  for (unsigned pixels = begin; pixels < end; ++pixels, stage ^= 1) {
    __syncthreads();  // the pixels before are done with
    values.store(inputs, static_cast<int>(threadIdx.x));
    cp_async_wait<0>();
    __syncthreads();
    if (pixels + 1 < end) load(pixels + 1, stage ^ 1);
#pragma unroll
    for (int i = 0; i < at_once; ++i) product.multiply(gradients[stage] + i * a_size, inputs + i * b_size);
  }
#pragma unroll
  for (int i = 0; i < product.rows; ++i)
#pragma unroll
    for (int j = 0; j < product.runs; ++j)
      if (product.column(j) < Slice::columns)
        destination.store(static_cast<std::int64_t>(first_k) + product.row(i),
                          static_cast<int>(of_taps) * Slice::columns + product.column(j), product.run(i, j),
                          parts.count > 1);
}

inline void multiply_stem_weight(const char* op, Cuda where, const Matrix<half>& gradient, const Patches<half>& patches,
                                 const Destination<half>& destination) {
  using Shape = StemWeightShape;
  const auto with = [&]<int channels, int run>() {
    const std::int64_t tiles =
        ceil_div<std::int64_t>(gradient.columns, Shape::m) * TapSlice<channels>::count(patches.columns);
    const Slices slices = cut_reduction(tiles, ceil_div<std::int64_t>(gradient.rows, Shape::threads), 2);
    in_parts(op, where, destination, slices, [&](const Destination<half>& to) {
      launch(op, stem_weight_products<channels, run>, dim3(static_cast<unsigned>(tiles), slices.parts), Shape::threads,
             0, static_cast<cudaStream_t>(where.stream), gradient, patches, to, slices.parts_of_longest);
    });
  };
  const auto with_channels = [&]<int channels>() {
    const int run = packing(gradient.data, gradient.columns);
    if (run == full_pack<half>) return with.template operator()<channels, full_pack<half>>();
    if (run == narrow_run<half>) return with.template operator()<channels, narrow_run<half>>();
    with.template operator()<channels, 1>();
  };
  if (patches.channels == 1)
    with_channels.template operator()<1>();
  else
    with_channels.template operator()<3>();
}

}  // namespace mpad::kernels
