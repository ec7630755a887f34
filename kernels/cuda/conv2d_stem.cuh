// SPDX-License-Identifier: MIT
// Convolution of 1 or 3 channels in float and double, directly: slices of a product would be mostly padding, and no
// channel count to copy 16 bytes of. A thread has 8 output channels of 4 pixels; the block's weights wait in shared
// memory.
#pragma once
#include "conv2d_operands.cuh"
#include "finish.cuh"
#include "launch.cuh"

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

/// Stores a thread's share of one pixel, `used` channels of it; 16 bytes at a time if `packed`.
template <class E>
__device__ inline void store_group(const Pack<E, StemTile::group>& group, bool packed, int used, E* to) {
  constexpr int size = full_pack<E> < StemTile::group ? full_pack<E> : StemTile::group;
#pragma unroll
  for (int first = 0; first < StemTile::group; first += size) {
    Pack<E, size> pack;
#pragma unroll
    for (int e = 0; e < size; ++e) pack.element[e] = group.element[first + e];
    if (packed && first < used) {
      store(to + first, pack);
    } else {
#pragma unroll
      for (int e = 0; e < size; ++e)
        if (first + e < used) to[first + e] = pack.element[e];
    }
  }
}

/// Where the pixels go that a thread has: every slots-th one of the block's tile.
template <class T>
struct StemPixels {
  using Patches = kernels::Patches<T>;
  T* y;
  Finish<T> finish;
  bool packed;

  /// The p-th pixel of the thread whose slot this is, in the tile.
  __device__ static unsigned pixel(unsigned slot, int p) { return slot + static_cast<unsigned>(p * StemTile::slots); }
  /// `first` is the tile's first pixel, of `rows`; the channels are those from `channel` on, of k.
  __device__ void store(const Pack<acc_t<T>, StemTile::group> (&sums)[StemTile::pixels], unsigned first, unsigned slot,
                        unsigned rows, int channel, int k) const {
#pragma unroll
    for (int p = 0; p < StemTile::pixels; ++p) {
      const std::int64_t at = std::int64_t{first} + pixel(slot, p);
      if (at < rows) store_group(finish(sums[p], channel, k), packed, k - channel, y + at * k + channel);
    }
  }
};

/// The sums of these 4 pixels and the 8 channels whose weights start at `weights`.
template <class T, int channels, class Patches>
__device__ inline void sum_taps(const Patches& x, const typename Patches::Row (&pixels)[StemTile::pixels],
                                const acc_t<T>* weights, Pack<acc_t<T>, StemTile::group> (&sums)[StemTile::pixels]) {
  using A = acc_t<T>;
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
        for (int e = 0; e < StemTile::group; ++e) {
          A& sum = sums[p].element[e];
          sum = fma(values[p][c], factors.element[e], sum);
        }
    }
  }
}

template <class T, int channels, class To>
__global__ void __launch_bounds__(StemTile::threads)
    stem_forward(const typename To::Patches x, const Matrix<T> weight, const To to) {
  follow_kernels_before();
  using A = acc_t<T>;
  MPAD_DYNAMIC_SHARED(A, staged);
  const int k = static_cast<int>(weight.rows), first_k = static_cast<int>(blockIdx.y) * StemTile::k;
  stage_weights(weight, static_cast<unsigned>(first_k), staged);
  __syncthreads();
  const unsigned slot = threadIdx.x / StemTile::groups;
  const int in_block = static_cast<int>(threadIdx.x) % StemTile::groups * StemTile::group;
  if (first_k + in_block >= k) return;

  constexpr unsigned tile = StemTile::slots * StemTile::pixels;
  for (unsigned first = blockIdx.x * tile; first < x.rows; first += gridDim.x * tile) {
    typename To::Patches::Row pixels[StemTile::pixels];
#pragma unroll
    for (int p = 0; p < StemTile::pixels; ++p) pixels[p] = x.row(first + To::pixel(slot, p));
    Pack<A, StemTile::group> sums[StemTile::pixels] = {};
    sum_taps<T, channels>(x, pixels, staged + in_block, sums);
    to.store(sums, first, slot, x.rows, first_k + in_block, k);
  }
}

/// Whether a thread's share of a pixel of k channels at y can be stored 16 bytes at a time.
template <class T>
bool stores_packs(const T* y, unsigned k) {
  return k % full_pack<T> == 0 && is_aligned<full_pack<T>>(y);
}

template <class T, class To>
void stem(const char* op, Cuda where, const typename To::Patches& x, const Matrix<T>& weight, const To& to) {
  if (weight.rows == 0) return;
  const unsigned tiles = ceil_div(x.rows, static_cast<unsigned>(StemTile::slots * StemTile::pixels));
  const dim3 grid(std::min<unsigned>(tiles, StemTile::most_blocks),
                  ceil_div(weight.rows, static_cast<unsigned>(StemTile::k)));
  const auto with = [&]<int channels>() {
    launch(op, stem_forward<T, channels, To>, grid, StemTile::threads, x.columns * StemTile::k * sizeof(acc_t<T>),
           static_cast<cudaStream_t>(where.stream), x, weight, to);
  };
  if (x.channels == 1)
    with.template operator()<1>();
  else
    with.template operator()<3>();
}

}  // namespace mpad::kernels
