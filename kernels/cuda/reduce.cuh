// SPDX-License-Identifier: MIT
// Reductions in a fixed order: the same bits every time.
#pragma once
#include "device.cuh"

namespace mpad::kernels {

struct Add {
  template <class A>
  __device__ A operator()(A left, A right) const {
    return left + right;
  }
};

/// combine(...) over the values of a warp's 32 lanes, as a tree; every lane gets the result. All lanes take part.
template <class A, class Combine>
__device__ inline A reduce_warp(A value, const Combine& combine) {
  for (int distance = 16; distance > 0; distance /= 2)
    value = combine(value, __shfl_xor_sync(0xffffffff, value, distance));
  return value;
}

/// combine(...) over the values of a block of `threads` threads (a multiple of 32, at most 1024), as a tree; every
/// thread gets the result. `identity` is neutral. A call synchronises the block; calls may follow each other.
template <int threads, class A, class Combine>
__device__ inline A reduce_block(A value, A identity, const Combine& combine) {
  constexpr int warps = threads / 32;
  static_assert(threads % 32 == 0 && warps >= 1 && warps <= 32);
  MPAD_SHARED(A, partial, [32]);
  value = reduce_warp(value, combine);
  if constexpr (warps > 1) {
    const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
    if (lane == 0) partial[warp] = value;
    __syncthreads();
    value = reduce_warp(lane < warps ? partial[lane] : identity, combine);
    __syncthreads();  // before the next call writes
  }
  return value;
}

}  // namespace mpad::kernels
