// SPDX-License-Identifier: MIT
// CUDA's codes as the library's exception.
#pragma once
#include <mpad/core/error.h>

#include <cuda_runtime_api.h>

#include <atomic>
#include <string>

namespace mpad::kernels {

/// Says where the device's memory is (cuda::set_reclaim); null: nobody knows.
inline std::atomic<std::string (*)()> memory_report{nullptr};

/// Throws Error, naming the operation, unless `code` is cudaSuccess: OutOfMemory, with that report, where that is what
/// the code says, as it may after a launch, which loads kernels.
inline void check_cuda(const char* op, cudaError_t code) {
  if (code == cudaSuccess) return;
  const std::string message =
      std::string(op) + ": expected success from CUDA, got " + cudaGetErrorName(code) + " (" + cudaGetErrorString(code);
  if (code != cudaErrorMemoryAllocation) throw Error(message + ")");
  std::string (*const report)() = memory_report;
  throw OutOfMemory(message + (report == nullptr ? "" : "; " + report()) + ")");
}

}  // namespace mpad::kernels
