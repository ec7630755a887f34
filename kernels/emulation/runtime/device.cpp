// SPDX-License-Identifier: MIT
// The one emulated device, with the limits of sm_75 and the instructions of sm_80.
#include "../limits.h"
#include "../settings.h"
#include "error.h"

#include <cuda_runtime_api.h>

#include <cstring>

namespace mpad::emulation {
namespace {

constexpr int multiprocessors = 4;
constexpr int capability_major = 8, capability_minor = 0;

int attribute(cudaDeviceAttr name) {
  switch (name) {
    case cudaDevAttrMultiProcessorCount: return multiprocessors;
    case cudaDevAttrComputeCapabilityMajor: return capability_major;
    case cudaDevAttrComputeCapabilityMinor: return capability_minor;
    case cudaDevAttrWarpSize: return static_cast<int>(warp_size);
    case cudaDevAttrMaxThreadsPerBlock:
    case cudaDevAttrMaxThreadsPerMultiProcessor: return static_cast<int>(max_block_threads);
    case cudaDevAttrMaxSharedMemoryPerBlock: return static_cast<int>(max_static_shared);
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor: return static_cast<int>(settings().shared_memory_optin);
    case cudaDevAttrMaxGridDimX: return static_cast<int>(max_grid_x);
    case cudaDevAttrMaxGridDimY: return static_cast<int>(max_grid_y);
    case cudaDevAttrMaxGridDimZ: return static_cast<int>(max_grid_z);
    case cudaDevAttrMemoryPoolsSupported: return 1;
    default: return 0;
  }
}

cudaError_t check_device(int device) {
  if (settings().device_status != cudaSuccess) return keep(settings().device_status);
  return device == 0 ? cudaSuccess : keep(cudaErrorInvalidDevice);
}

}  // namespace
}  // namespace mpad::emulation

using namespace mpad::emulation;

extern "C" {
cudaError_t cudaGetDeviceCount(int* count) {
  *count = settings().device_status == cudaSuccess ? 1 : 0;
  return keep(settings().device_status);
}
cudaError_t cudaGetDevice(int* device) {
  *device = 0;
  return check_device(0);
}
cudaError_t cudaSetDevice(int device) { return check_device(device); }
cudaError_t cudaDriverGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr name, int device) {
  *value = attribute(name);
  return check_device(device);
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  *properties = {};
  std::strcpy(properties->name, "mpad emulation");
  properties->major = capability_major;
  properties->minor = capability_minor;
  properties->multiProcessorCount = multiprocessors;
  properties->totalGlobalMem = settings().memory_capacity;
  properties->warpSize = static_cast<int>(warp_size);
  properties->maxThreadsPerBlock = static_cast<int>(max_block_threads);
  properties->sharedMemPerBlock = max_static_shared;
  properties->sharedMemPerBlockOptin = settings().shared_memory_optin;
  return check_device(device);
}
}
