// SPDX-License-Identifier: MIT
#include "blas.h"

#include "check.h"
#include "graph.h"
#include "scratch.h"

#include <cublas_v2.h>

#include <limits>
#include <memory>
#include <string>

namespace mpad::cuda {
namespace {

// What NVIDIA recommends for its largest devices. cuBLAS gives the same bits run to run only if no other stream works
// in the same workspace.
constexpr std::int64_t kWorkspaceBytes = std::int64_t{32} << 20;

void check_cublas(const char* op, cublasStatus_t status) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  const std::string message = std::string(op) + ": expected success from cuBLAS, got " + cublasGetStatusString(status);
  if (status == CUBLAS_STATUS_ALLOC_FAILED) throw OutOfMemory(message + " (" + describe_memory(reclaim_memory()) + ")");
  throw Error(message);
}

// Making a handle asks the device for memory, and destroying it waits for the device.
struct Destroy {
  void operator()(cublasHandle_t handle) const {
    const NoRecording alone;
    cublasDestroy(handle);
  }
};
using Handle = std::unique_ptr<cublasContext, Destroy>;

/// This thread's handle, for work on a stream.
cublasHandle_t handle_for(const char* op, Cuda where) {
  thread_local Handle handle;
  if (!handle) {
    const NoRecording alone;
    cublasHandle_t made = nullptr;
    cublasStatus_t status = cublasCreate(&made);
    if (status == CUBLAS_STATUS_ALLOC_FAILED) {
      reclaim_memory();
      status = cublasCreate(&made);
    }
    check_cublas(op, status);
    handle.reset(made);
    check_cublas(op, cublasSetMathMode(made, CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION));
  }
  // Setting the stream takes the workspace away.
  check_cublas(op, cublasSetStream(handle.get(), static_cast<cudaStream_t>(where.stream)));
  check_cublas(
      op, cublasSetWorkspace(handle.get(), scratch<char>(where, Scratch::workspace, kWorkspaceBytes), kWorkspaceBytes));
  return handle.get();
}

cudaDataType_t cuda_type(DType dtype) {
  return dtype == DType::f16 ? CUDA_R_16F : dtype == DType::f32 ? CUDA_R_32F : CUDA_R_64F;
}

cublasComputeType_t compute_type(DType factors) {
  switch (factors) {
    case DType::f16: return CUBLAS_COMPUTE_32F;
    case DType::f32: return CUBLAS_COMPUTE_32F_PEDANTIC;
    default: return CUBLAS_COMPUTE_64F;
  }
}

int to_extent(const char* op, std::int64_t extent) {
  if (extent > std::numeric_limits<int>::max())
    throw Error(std::string(op) + ": expected extents of at most 2147483647, got " + std::to_string(extent));
  return static_cast<int>(extent);
}

cublasOperation_t operation(const Factor& factor) { return factor.transposed ? CUBLAS_OP_T : CUBLAS_OP_N; }

}  // namespace

void multiply(const char* op, Cuda where, const Factor& a, const Factor& b, const View& y) {
  const int rows = to_extent(op, y.shape[0]), columns = to_extent(op, y.shape[1]);
  const int depth = to_extent(op, a.matrix.shape[a.transposed ? 0 : 1]);
  if (rows == 0 || columns == 0) return;
  if (depth == 0) {
    const std::size_t bytes = static_cast<std::size_t>(y.numel()) * size_of(y.dtype);
    return kernels::check_cuda(op, cudaMemsetAsync(y.data, 0, bytes, static_cast<cudaStream_t>(where.stream)));
  }
  const double one = 1, zero = 0;
  const float one_float = 1, zero_float = 0;
  const bool is_double = y.dtype == DType::f64;
  const void* alpha = is_double ? static_cast<const void*>(&one) : &one_float;
  const void* beta = is_double ? static_cast<const void*>(&zero) : &zero_float;
  // cuBLAS stores matrices by columns: what it sees are the transposes, and y^T = b^T a^T.
  const cudaDataType_t type = cuda_type(a.matrix.dtype);
  check_cublas(
      op, cublasGemmEx(handle_for(op, where), operation(b), operation(a), columns, rows, depth, alpha, b.matrix.data,
                       type, to_extent(op, b.matrix.shape[1]), a.matrix.data, type, to_extent(op, a.matrix.shape[1]),
                       beta, y.data, cuda_type(y.dtype), columns, compute_type(a.matrix.dtype), CUBLAS_GEMM_DEFAULT));
}

}  // namespace mpad::cuda
