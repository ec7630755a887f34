// SPDX-License-Identifier: MIT
// Reductions in a fixed order: the same bits every time.
#pragma once
#include "device.cuh"

#include <cstdint>

namespace mpad::kernels {

struct Add {
  template <class A>
  __device__ A operator()(A left, A right) const {
    return left + right;
  }
};

/// use(load(i)) for i = first, first + step, ... below `end`, in this order. Several loads are on their way at once,
/// since one takes as long as hundreds of instructions.
template <int together = 8, class Load, class Use>
__device__ inline void use_in_order(std::int64_t first, std::int64_t end, std::int64_t step, const Load& load,
                                    const Use& use) {
  for (std::int64_t i = first; i < end; i += together * step) {
    decltype(load(i)) loaded[together] = {};
#pragma unroll
    for (int j = 0; j < together; ++j)
      if (i + j * step < end) loaded[j] = load(i + j * step);
#pragma unroll
    for (int j = 0; j < together; ++j)
      if (i + j * step < end) use(loaded[j]);
  }
}

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
