// SPDX-License-Identifier: MIT
// Copies and fills. A device pointer has to lie in an allocation, with all bytes of the copy.
#include "error.h"
#include "memory.h"
#include "stream.h"

#include <cuda_runtime_api.h>

#include <cstring>

namespace mpad::emulation {
namespace {

bool from_device(cudaMemcpyKind kind) { return kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice; }
bool to_device(cudaMemcpyKind kind) { return kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice; }

cudaMemcpyKind resolve(cudaMemcpyKind kind, const void* to, const void* from) {
  if (kind != cudaMemcpyDefault) return kind;
  const bool reads = DeviceMemory::instance().owns(from), writes = DeviceMemory::instance().owns(to);
  if (reads) return writes ? cudaMemcpyDeviceToDevice : cudaMemcpyDeviceToHost;
  return writes ? cudaMemcpyHostToDevice : cudaMemcpyHostToHost;
}

bool valid(const void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
  const DeviceMemory& memory = DeviceMemory::instance();
  const bool reads_well = from_device(kind) ? memory.contains(from, bytes) : !memory.owns(from);
  const bool writes_well = to_device(kind) ? memory.contains(to, bytes) : !memory.owns(to);
  return reads_well && writes_well;
}

cudaError_t enqueue_copy(void* to, const void* from, std::size_t bytes, cudaStream_t stream) {
  return enqueue_work(stream, [=] {
    const DeviceAccess access;
    std::memmove(to, from, bytes);
    return cudaSuccess;
  });
}

// The runtime reads pageable memory before it returns.
cudaError_t enqueue_copy_of_snapshot(void* to, const void* from, std::size_t bytes, cudaStream_t stream) {
  const char* first = static_cast<const char*>(from);
  return enqueue_work(stream, [to, bytes, snapshot = std::vector<char>(first, first + bytes)] {
    const DeviceAccess access;
    std::memcpy(to, snapshot.data(), bytes);
    return cudaSuccess;
  });
}

}  // namespace
}  // namespace mpad::emulation

using namespace mpad::emulation;

extern "C" {
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
  if (bytes == 0) return cudaSuccess;
  kind = resolve(kind, to, from);
  if (!valid(to, from, bytes, kind)) return keep(cudaErrorInvalidValue);
  // A graph would read or write pageable memory again each time it runs, whatever is there by then.
  const bool to_pageable = kind == cudaMemcpyDeviceToHost && !is_pinned(to);
  const bool from_pageable = kind == cudaMemcpyHostToDevice && !is_pinned(from);
  if ((to_pageable || from_pageable) && breaks_capture(stream)) return keep(cudaErrorStreamCaptureUnsupported);
  if (from_pageable) return enqueue_copy_of_snapshot(to, from, bytes, stream);
  const cudaError_t code = enqueue_copy(to, from, bytes, stream);
  // It also returns only when pageable memory has been written.
  if (code == cudaSuccess && to_pageable) return synchronize(stream);
  return code;
}

cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
  const cudaError_t code = cudaMemcpyAsync(to, from, bytes, kind, nullptr);
  return code == cudaSuccess ? synchronize(nullptr) : code;
}

cudaError_t cudaMemsetAsync(void* data, int value, std::size_t bytes, cudaStream_t stream) {
  if (bytes == 0) return cudaSuccess;
  if (!DeviceMemory::instance().contains(data, bytes)) return keep(cudaErrorInvalidValue);
  return enqueue_work(stream, [=] {
    const DeviceAccess access;
    std::memset(data, value, bytes);
    return cudaSuccess;
  });
}

cudaError_t cudaMemset(void* data, int value, std::size_t bytes) {
  const cudaError_t code = cudaMemsetAsync(data, value, bytes, nullptr);
  return code == cudaSuccess ? synchronize(nullptr) : code;
}
}
