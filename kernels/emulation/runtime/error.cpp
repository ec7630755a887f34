// SPDX-License-Identifier: MIT
// Unlike a device's, an error of the emulation does not stay: what follows runs as if nothing had happened.
#include "error.h"

#include <cuda_runtime_api.h>

#include <utility>

namespace mpad::emulation {
namespace {

thread_local cudaError_t last = cudaSuccess;
thread_local cudaError_t diagnosed = cudaSuccess;
thread_local std::string last_diagnosis;

struct Name {
  cudaError_t code;
  const char *name, *text;
};
constexpr Name names[] = {
    {cudaSuccess, "cudaSuccess", "no error"},
    {cudaErrorInvalidValue, "cudaErrorInvalidValue", "invalid argument"},
    {cudaErrorMemoryAllocation, "cudaErrorMemoryAllocation", "out of memory"},
    {cudaErrorInvalidConfiguration, "cudaErrorInvalidConfiguration", "invalid configuration argument"},
    {cudaErrorInsufficientDriver, "cudaErrorInsufficientDriver",
     "CUDA driver version is insufficient for CUDA runtime version"},
    {cudaErrorNoDevice, "cudaErrorNoDevice", "no CUDA-capable device is detected"},
    {cudaErrorInvalidDevice, "cudaErrorInvalidDevice", "invalid device ordinal"},
    {cudaErrorNotReady, "cudaErrorNotReady", "device not ready"},
    {cudaErrorStreamCaptureUnsupported, "cudaErrorStreamCaptureUnsupported",
     "operation not permitted when stream is capturing"},
    {cudaErrorStreamCaptureInvalidated, "cudaErrorStreamCaptureInvalidated",
     "operation failed due to a previous error during capture"},
    {cudaErrorLaunchFailure, "cudaErrorLaunchFailure", "unspecified launch failure"},
};

const Name& find(cudaError_t code) {
  for (const Name& name : names)
    if (name.code == code) return name;
  static constexpr Name other{cudaErrorUnknown, "cudaErrorUnknown", "unknown error"};
  return other;
}

}  // namespace

cudaError_t keep(cudaError_t code) {
  if (code != cudaSuccess) last = code;
  return code;
}

cudaError_t keep(cudaError_t code, const std::string& diagnosis) {
  diagnosed = code;
  last_diagnosis = diagnosis;
  return keep(code);
}

}  // namespace mpad::emulation

using namespace mpad::emulation;

extern "C" {
cudaError_t cudaGetLastError() { return std::exchange(last, cudaSuccess); }
cudaError_t cudaPeekAtLastError() { return last; }
const char* cudaGetErrorName(cudaError_t code) { return find(code).name; }
const char* cudaGetErrorString(cudaError_t code) {
  return code != cudaSuccess && code == diagnosed ? last_diagnosis.c_str() : find(code).text;
}
}
