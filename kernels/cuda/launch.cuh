// SPDX-License-Identifier: MIT
// Launches with the name of the operation, and checks of CUDA's codes.
#pragma once
#include "check.h"
#include "device.cuh"
#include "ptx.cuh"
#include "sm90.h"

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

/// Blocks and threads of a launch, and bytes of dynamic shared memory for each block. Blocks in a row along z,
/// `cluster` of them, run at once (sm_90).
struct LaunchShape {
  dim3 grid, block;
  std::size_t shared_bytes = 0;
  unsigned cluster = 1;
};

/// Runs kernel(args...) on the stream. A grid without blocks does nothing. The kernel begins by
/// follow_kernels_before(). Throws Error if the launch is refused.
template <class... Parameters, class... Args>
void launch(const char* op, void (*kernel)(Parameters...), const LaunchShape& shape, cudaStream_t stream,
            Args&&... args) {
  if (shape.grid.x == 0 || shape.grid.y == 0 || shape.grid.z == 0) return;
  const bool overlaps = cuda::uses(cuda::Sm90::overlap);
#ifdef MPAD_EMULATED
  const emulation::Shape emulated{shape.grid, shape.block, shape.shared_bytes, shape.cluster, overlaps};
  check_cuda(op, emulation::launch(kernel, emulated, stream, std::forward<Args>(args)...));
#else
  cudaLaunchAttribute attributes[2] = {};
  unsigned count = 0;
  if (overlaps) {
    attributes[count].id = cudaLaunchAttributeProgrammaticStreamSerialization;
    attributes[count++].val.programmaticStreamSerializationAllowed = 1;
  }
  if (shape.cluster > 1) {
    attributes[count].id = cudaLaunchAttributeClusterDimension;
    attributes[count++].val.clusterDim = {1, 1, shape.cluster};
  }
  cudaLaunchConfig_t config = {};
  config.gridDim = shape.grid;
  config.blockDim = shape.block;
  config.dynamicSmemBytes = shape.shared_bytes;
  config.stream = stream;
  config.attrs = attributes;
  config.numAttrs = count;
  check_cuda(op, cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(args)...));
#endif
}

/// The same without clusters.
template <class... Parameters, class... Args>
void launch(const char* op, void (*kernel)(Parameters...), dim3 grid, dim3 block, std::size_t shared_bytes,
            cudaStream_t stream, Args&&... args) {
  launch(op, kernel, LaunchShape{grid, block, shared_bytes}, stream, std::forward<Args>(args)...);
}

}  // namespace mpad::kernels
