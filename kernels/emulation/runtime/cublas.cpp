// SPDX-License-Identifier: MIT
// Products by cuBLAS, column-major: each element is a sum in order of k, formed in the compute type and rounded once.
#include "../settings.h"
#include "memory.h"
#include "stream.h"

#include <cublas_v2.h>
#include <cuda_fp16.h>
#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstdint>

// cuBLAS declares the handle only.
struct cublasContext {
  cudaStream_t stream = nullptr;
  cublasMath_t math_mode = CUBLAS_DEFAULT_MATH;
};

namespace mpad::emulation {
namespace {

// Device memory that has to be free for a handle, which on a device takes some.
constexpr std::size_t kHandleBytes = 1024;

// c = alpha * op(a) * op(b) + beta * c for m x k op(a) and k x n op(b).
struct Product {
  bool transpose_a, transpose_b;
  std::int64_t m, n, k;
  double alpha, beta;
  const void* a;
  std::int64_t lda;
  const void* b;
  std::int64_t ldb;
  void* c;
  std::int64_t ldc;
};

bool valid(const Product& p) {
  return p.m >= 0 && p.n >= 0 && p.k >= 0 && p.lda >= std::max<std::int64_t>(1, p.transpose_a ? p.k : p.m) &&
         p.ldb >= std::max<std::int64_t>(1, p.transpose_b ? p.n : p.k) && p.ldc >= std::max<std::int64_t>(1, p.m);
}

template <class In, class Out, class Sum>
void multiply(const Product& p) {
  const In* a = static_cast<const In*>(p.a);
  const In* b = static_cast<const In*>(p.b);
  Out* c = static_cast<Out*>(p.c);
  for (std::int64_t j = 0; j < p.n; ++j)
    for (std::int64_t i = 0; i < p.m; ++i) {
      Sum sum = 0;
      for (std::int64_t k = 0; k < p.k; ++k)
        sum += static_cast<Sum>(a[p.transpose_a ? k + i * p.lda : i + k * p.lda]) *
               static_cast<Sum>(b[p.transpose_b ? j + k * p.ldb : k + j * p.ldb]);
      Out& out = c[i + j * p.ldc];
      // As in BLAS, beta = 0 does not read c.
      const Sum kept = p.beta == 0 ? Sum(0) : static_cast<Sum>(p.beta) * static_cast<Sum>(out);
      out = static_cast<Out>(static_cast<Sum>(p.alpha) * sum + kept);
    }
}

cublasStatus_t enqueue(cublasHandle_t handle, const Product& product, void (*multiply)(const Product&)) {
  if (!handle) return CUBLAS_STATUS_NOT_INITIALIZED;
  if (!valid(product)) return CUBLAS_STATUS_INVALID_VALUE;
  const cudaError_t code = enqueue_work(handle->stream, [=] {
    const DeviceAccess access;
    multiply(product);
    return cudaSuccess;
  });
  return code == cudaSuccess ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_EXECUTION_FAILED;
}

// The function for a combination of types that this library uses, or null.
void (*find_multiply(cudaDataType in, cudaDataType out, cublasComputeType_t compute))(const Product&) {
  if (compute == CUBLAS_COMPUTE_64F || compute == CUBLAS_COMPUTE_64F_PEDANTIC)
    return in == CUDA_R_64F && out == CUDA_R_64F ? multiply<double, double, double> : nullptr;
  if (compute != CUBLAS_COMPUTE_32F && compute != CUBLAS_COMPUTE_32F_PEDANTIC) return nullptr;
  if (in == CUDA_R_32F && out == CUDA_R_32F) return multiply<float, float, float>;
  if (in == CUDA_R_16F && out == CUDA_R_16F) return multiply<__half, __half, float>;
  if (in == CUDA_R_16F && out == CUDA_R_32F) return multiply<__half, float, float>;
  return nullptr;
}

template <class T>
cublasStatus_t gemm(cublasHandle_t handle, cublasOperation_t op_a, cublasOperation_t op_b, int m, int n, int k,
                    const T* alpha, const T* a, int lda, const T* b, int ldb, const T* beta, T* c, int ldc) {
  const Product product{op_a != CUBLAS_OP_N, op_b != CUBLAS_OP_N, m, n, k, *alpha, *beta, a, lda, b, ldb, c, ldc};
  return enqueue(handle, product, multiply<T, T, T>);
}

}  // namespace
}  // namespace mpad::emulation

using namespace mpad::emulation;

extern "C" {
cublasStatus_t cublasCreate_v2(cublasHandle_t* handle) {
  if (DeviceMemory::instance().used() + kHandleBytes > settings().memory_capacity) return CUBLAS_STATUS_ALLOC_FAILED;
  *handle = new cublasContext;
  return CUBLAS_STATUS_SUCCESS;
}
// Waits for the device, as CUDA's does.
cublasStatus_t cublasDestroy_v2(cublasHandle_t handle) {
  cudaDeviceSynchronize();
  delete handle;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasSetStream_v2(cublasHandle_t handle, cudaStream_t stream) {
  handle->stream = stream;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasSetWorkspace_v2(cublasHandle_t, void* workspace, std::size_t bytes) {
  return bytes == 0 || DeviceMemory::instance().contains(workspace, bytes) ? CUBLAS_STATUS_SUCCESS
                                                                           : CUBLAS_STATUS_INVALID_VALUE;
}
cublasStatus_t cublasSetMathMode(cublasHandle_t handle, cublasMath_t mode) {
  handle->math_mode = mode;
  return CUBLAS_STATUS_SUCCESS;
}
const char* cublasGetStatusString(cublasStatus_t status) {
  switch (status) {
    case CUBLAS_STATUS_SUCCESS: return "success";
    case CUBLAS_STATUS_NOT_INITIALIZED: return "the library was not initialized";
    case CUBLAS_STATUS_ALLOC_FAILED: return "the resource allocation failed";
    case CUBLAS_STATUS_INVALID_VALUE: return "an unsupported value or parameter was passed";
    case CUBLAS_STATUS_NOT_SUPPORTED: return "the functionality requested is not supported";
    default: return "the emulated product failed";
  }
}

cublasStatus_t cublasSgemm_v2(cublasHandle_t handle, cublasOperation_t op_a, cublasOperation_t op_b, int m, int n,
                              int k, const float* alpha, const float* a, int lda, const float* b, int ldb,
                              const float* beta, float* c, int ldc) {
  return gemm(handle, op_a, op_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}
cublasStatus_t cublasDgemm_v2(cublasHandle_t handle, cublasOperation_t op_a, cublasOperation_t op_b, int m, int n,
                              int k, const double* alpha, const double* a, int lda, const double* b, int ldb,
                              const double* beta, double* c, int ldc) {
  return gemm(handle, op_a, op_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

cublasStatus_t cublasGemmEx(cublasHandle_t handle, cublasOperation_t op_a, cublasOperation_t op_b, int m, int n, int k,
                            const void* alpha, const void* a, cudaDataType a_type, int lda, const void* b,
                            cudaDataType b_type, int ldb, const void* beta, void* c, cudaDataType c_type, int ldc,
                            cublasComputeType_t compute, cublasGemmAlgo_t) {
  const auto multiply = a_type == b_type ? find_multiply(a_type, c_type, compute) : nullptr;
  if (!multiply) return CUBLAS_STATUS_NOT_SUPPORTED;
  const bool wide = a_type == CUDA_R_64F;
  const auto scalar = [&](const void* p) {
    return wide ? *static_cast<const double*>(p) : double{*static_cast<const float*>(p)};
  };
  const Product product{
      op_a != CUBLAS_OP_N, op_b != CUBLAS_OP_N, m, n, k, scalar(alpha), scalar(beta), a, lda, b, ldb, c, ldc};
  return enqueue(handle, product, multiply);
}
}
