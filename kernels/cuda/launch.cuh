// SPDX-License-Identifier: MIT
// Launches with the name of the operation, and checks of CUDA's codes.
#pragma once
#include "check.h"
#include "device.cuh"

#include <utility>
#ifdef MPAD_EMULATED
#include "../emulation/launch.h"
#endif

namespace mpad::kernels {

/// ceil(a / b) for a >= 0, b > 0.
template <class T>
__host__ __device__ constexpr T ceil_div(T a, T b) {
  return (a + b - 1) / b;
}

/// Lets a kernel use more than 48 KiB of shared memory; to be called before such a launch.
template <class... Parameters>
void allow_shared_bytes(const char* op, void (*kernel)(Parameters...), std::size_t bytes) {
  check_cuda(op, cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel),
                                      cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(bytes)));
}

/// Runs kernel(args...) on the stream, on `grid` blocks of `block` threads, with dynamic shared memory in bytes. A grid
/// without blocks does nothing. Throws Error if the launch is refused.
template <class... Parameters, class... Args>
void launch(const char* op, void (*kernel)(Parameters...), dim3 grid, dim3 block, std::size_t shared_bytes,
            cudaStream_t stream, Args&&... args) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
#ifdef MPAD_EMULATED
  check_cuda(op, emulation::launch(kernel, grid, block, shared_bytes, stream, std::forward<Args>(args)...));
#else
  cudaLaunchConfig_t config = {};
  config.gridDim = grid;
  config.blockDim = block;
  config.dynamicSmemBytes = shared_bytes;
  config.stream = stream;
  check_cuda(op, cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(args)...));
#endif
}

}  // namespace mpad::kernels
