// SPDX-License-Identifier: MIT
// CUDA's codes as the library's exception.
#pragma once
#include <mpad/core/error.h>

#include <cuda_runtime_api.h>

#include <string>

namespace mpad::kernels {

/// Throws Error, naming the operation, unless `code` is cudaSuccess.
inline void check_cuda(const char* op, cudaError_t code) {
  if (code == cudaSuccess) return;
  throw Error(std::string(op) + ": expected success from CUDA, got " + cudaGetErrorName(code) + " (" +
              cudaGetErrorString(code) + ")");
}

}  // namespace mpad::kernels
