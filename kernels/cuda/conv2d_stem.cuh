// SPDX-License-Identifier: MIT
// Convolution of 1 or 3 channels, directly: slices of a product would be mostly padding, and no channel count to copy
// 16 bytes of. A thread has 8 output channels of 4 pixels; the block's weights wait in shared memory.
#pragma once
#include "conv2d_operands.cuh"
#include "launch.cuh"
#include "vector.cuh"

#include <mpad/core/device.h>

namespace mpad::kernels {

struct StemTile {
  static constexpr int threads = 128, groups = 4, group = 8, k = groups * group, slots = threads / groups, pixels = 4,
                       most_blocks = 1024;
};

/// Weights (r, s, c) x 32 of this block, as acc_t.
template <class T>
__device__ inline void stage_weights(const Matrix<T>& weight, unsigned first_k, acc_t<T>* to) {
  for (unsigned i = threadIdx.x; i < weight.columns * StemTile::k; i += StemTile::threads) {
    to[i] = widen(weight.at(weight.row(first_k + i % StemTile::k), weight.column(i / StemTile::k)).value());
  }
}

/// Stores one pixel's sums, rounded; 16 bytes at a time if `packed`.
template <class T>
__device__ inline void store_pixel(const acc_t<T> (&sums)[StemTile::group], bool packed, int used, T* to) {
  constexpr int size = full_pack<T>;
#pragma unroll
  for (int first = 0; first < StemTile::group; first += size) {
    Pack<T, size> pack;
#pragma unroll
    for (int e = 0; e < size; ++e) pack.element[e] = narrow<T>(sums[first + e]);
    if (packed && first < used) {
      store(to + first, pack);
    } else {
#pragma unroll
      for (int e = 0; e < size; ++e)
        if (first + e < used) to[first + e] = pack.element[e];
    }
  }
}

/// The sums of 4 pixels and the 8 channels whose weights start at `weights`.
template <class T, int channels>
__device__ inline void sum_taps(const Patches<T>& x, unsigned first_pixel, const acc_t<T>* weights,
                                acc_t<T> (&sums)[StemTile::pixels][StemTile::group]) {
  using A = acc_t<T>;
  typename Patches<T>::Row pixels[StemTile::pixels];
#pragma unroll
  for (int p = 0; p < StemTile::pixels; ++p)
    pixels[p] = x.row(first_pixel + static_cast<unsigned>(p * StemTile::slots));
  for (unsigned tap = 0; tap < x.columns; tap += channels) {
    const auto column = x.column(tap);
    A values[StemTile::pixels][channels];
#pragma unroll
    for (int p = 0; p < StemTile::pixels; ++p) {
      const Located<T> from = x.at(pixels[p], column);
#pragma unroll
      for (int c = 0; c < channels; ++c) values[p][c] = from.there ? widen(from.place[c]) : A(0);
    }
#pragma unroll
    for (int c = 0; c < channels; ++c, weights += StemTile::k) {
      const auto factors = load<StemTile::group>(weights);
#pragma unroll
      for (int p = 0; p < StemTile::pixels; ++p)
#pragma unroll
        for (int e = 0; e < StemTile::group; ++e) sums[p][e] = fma(values[p][c], factors.element[e], sums[p][e]);
    }
  }
}

template <class T, int channels>
__global__ void __launch_bounds__(StemTile::threads)
    stem_forward(const Patches<T> x, const Matrix<T> weight, const T* bias, T* y, bool packed) {
  using A = acc_t<T>;
  MPAD_DYNAMIC_SHARED(A, staged);
  const int k = static_cast<int>(weight.rows), first_k = static_cast<int>(blockIdx.y) * StemTile::k;
  stage_weights(weight, static_cast<unsigned>(first_k), staged);
  __syncthreads();
  const unsigned slot = threadIdx.x / StemTile::groups;
  const int in_block = static_cast<int>(threadIdx.x) % StemTile::groups * StemTile::group;
  const int my_k = first_k + in_block, used = k - my_k;
  if (used <= 0) return;

  constexpr unsigned tile = StemTile::slots * StemTile::pixels;
  for (unsigned first = blockIdx.x * tile; first < x.rows; first += gridDim.x * tile) {
    A sums[StemTile::pixels][StemTile::group] = {};
    sum_taps<T, channels>(x, first + slot, staged + in_block, sums);
#pragma unroll
    for (int p = 0; p < StemTile::pixels; ++p) {
      const std::int64_t pixel = std::int64_t{first} + slot + p * StemTile::slots;
      if (pixel >= x.rows) continue;
#pragma unroll
      for (int e = 0; e < StemTile::group; ++e)
        if (bias != nullptr && e < used) sums[p][e] += widen(bias[my_k + e]);
      store_pixel(sums[p], packed, used, y + pixel * k + my_k);
    }
  }
}

/// Whether stem() serves: 1 or 3 channels, and the weights of a block fit 48 KiB.
template <class T>
bool is_stem(const Patches<T>& x) {
  return (x.channels == 1 || x.channels == 3) && x.columns * StemTile::k * sizeof(acc_t<T>) <= 48 * 1024;
}

template <class T>
void stem(const char* op, Cuda where, const Patches<T>& x, const Matrix<T>& weight, const T* bias, T* y) {
  if (weight.rows == 0) return;
  const unsigned tiles = ceil_div(x.rows, static_cast<unsigned>(StemTile::slots * StemTile::pixels));
  const dim3 grid(std::min<unsigned>(tiles, StemTile::most_blocks),
                  ceil_div(weight.rows, static_cast<unsigned>(StemTile::k)));
  const bool packed = weight.rows % full_pack<T> == 0 && reinterpret_cast<std::uintptr_t>(y) % 16 == 0;
  const auto with = [&]<int channels>() {
    launch(op, stem_forward<T, channels>, grid, StemTile::threads, x.columns * StemTile::k * sizeof(acc_t<T>),
           static_cast<cudaStream_t>(where.stream), x, weight, bias, y, packed);
  };
  if (x.channels == 1)
    with.template operator()<1>();
  else
    with.template operator()<3>();
}

}  // namespace mpad::kernels
