// SPDX-License-Identifier: MIT
// Attributes and occupancy of kernels.
#include "function.h"

#include "../limits.h"
#include "../settings.h"
#include "error.h"
#include "stream.h"

#include <cuda_runtime_api.h>

#include <algorithm>
#include <map>

namespace mpad::emulation {
namespace {

std::map<const void*, std::size_t>& limits() {
  static std::map<const void*, std::size_t> limits;
  return limits;
}

}  // namespace

SharedLimit shared_limit(const void* kernel) {
  const std::lock_guard lock(runtime_mutex());
  const auto found = limits().find(kernel);
  if (found == limits().end()) return {max_static_shared, max_static_shared};
  return {found->second, max_dynamic_shared};
}

}  // namespace mpad::emulation

using namespace mpad::emulation;

extern "C" {
cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute attribute, int value) {
  if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize) return cudaSuccess;
  if (value < 0 || static_cast<std::size_t>(value) > settings().shared_memory_optin) return keep(cudaErrorInvalidValue);
  const std::lock_guard lock(runtime_mutex());
  limits()[kernel] = std::max(max_static_shared, static_cast<std::size_t>(value));
  return cudaSuccess;
}

// As if registers never limited it: the 1024 threads and the shared memory of an sm_75 multiprocessor.
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, const void* kernel, int block_threads,
                                                          std::size_t dynamic_bytes) {
  if (block_threads <= 0 || static_cast<unsigned>(block_threads) > max_block_threads)
    return keep(cudaErrorInvalidValue);
  const int by_threads = static_cast<int>(max_block_threads) / block_threads;
  const bool fits = dynamic_bytes <= shared_limit(kernel).dynamic;
  const std::size_t by_memory = settings().shared_memory_optin / std::max<std::size_t>(dynamic_bytes, 1024);
  *blocks = fits ? std::min(by_threads, static_cast<int>(by_memory)) : 0;
  return cudaSuccess;
}
}
