// SPDX-License-Identifier: MIT
// The caching allocator behind tensors.
#pragma once
#include <mpad/core/device.h>

#include <cstddef>
#include <cstdint>
#include <memory>

namespace mpad {

/// A block of device memory that returns to its device's cache when the last owner lets go.
using Buffer = std::shared_ptr<std::byte>;

/// At least `bytes` bytes, aligned to 64, uninitialised: from the cache if it holds a block of fitting size, else from
/// the system. Throws Error with what was asked, in use and cached when the system has no more.
Buffer allocate(std::size_t bytes, Device device);

/// Bytes and calls so far, of one device.
struct MemoryStatistics {
  std::size_t in_use = 0, cached = 0, peak_in_use = 0;
  std::uint64_t system_allocations = 0;
};
MemoryStatistics memory_statistics(Device device);

/// Gives the cached blocks back to the system.
void release_cached_memory(Device device);

}  // namespace mpad
