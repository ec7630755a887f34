// SPDX-License-Identifier: MIT
// What pools that sum over windows share: one thread for each pack of channels of one pixel.
#pragma once
#include "launch.cuh"
#include "vector.cuh"

#include <mpad/core/axis.h>

#include <kernels.h>

namespace mpad::kernels {

inline constexpr int kPoolThreads = 256;

/// A pack of channels of one pixel of n,h,w,c.
struct Place {
  std::int64_t n, h, w, c;
  __device__ Place(std::int64_t index, Pair extent, std::int64_t packs, int size)
      : n(index / packs / extent.w / extent.h),
        h(index / packs / extent.w % extent.h),
        w(index / packs % extent.w),
        c(index % packs * size) {}
};

template <int size, class Body>
__global__ void __launch_bounds__(kPoolThreads, 2) window_pool_kernel(std::int64_t count, Body body) {
  follow_kernels_before();
  const std::int64_t index = std::int64_t{blockIdx.x} * kPoolThreads + threadIdx.x;
  if (index < count) body.template compute<size>(index);
}

/// Calls body.compute<size>(index) for each pack of `to`, as large as the channels and all arrays allow.
template <class T, class Body, class... Arrays>
void for_each_pack(const char* op, Cuda where, const View& to, const Body& body, const Arrays*... arrays) {
  const auto run = [&]<int size>() {
    const std::int64_t count = to.numel() / size;
    launch(op, window_pool_kernel<size, Body>, static_cast<unsigned>(ceil_div<std::int64_t>(count, kPoolThreads)),
           kPoolThreads, 0, static_cast<cudaStream_t>(where.stream), count, body);
  };
  constexpr int full = full_pack<T>;
  if (to.shape[3] % full == 0 && is_aligned<full>(to.as<const T>()) && (is_aligned<full>(arrays) && ...))
    run.template operator()<full>();
  else
    run.template operator()<1>();
}

inline Pair extent(const View& images) { return {images.shape[1], images.shape[2]}; }

}  // namespace mpad::kernels
