// SPDX-License-Identifier: MIT
// The caching allocators behind tensors, one for each device.
#pragma once
#include <mpad/core/device.h>
#include <mpad/core/error.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace mpad {

/// A block of device memory that returns to its device's cache when the last owner lets go.
using Buffer = std::shared_ptr<std::byte>;

/// At least `bytes` bytes, aligned to 64, uninitialised: from the cache if it holds a block of fitting size, else from
/// the system. CUDA memory belongs to the stream that is current here: it is reused in order of that stream, so work of
/// another stream on it has to be waited for before the last owner lets go. Throws OutOfMemory, or Error if the device
/// is unavailable. With $MPAD_MEMORY=exact every block comes from the system, as large as asked, so that memory
/// checkers see the first byte out of bounds.
Buffer allocate(std::size_t bytes, Device device);

/// Bytes and calls so far, of one device.
struct MemoryStatistics {
  std::size_t in_use = 0, cached = 0, peak_in_use = 0;
  std::uint64_t system_allocations = 0;
};
MemoryStatistics memory_statistics(Device device);

/// Gives the cached blocks back to the system, and what this thread's kernels keep on the device to work in, but for
/// what is held.
void release_cached_memory(Device device);

/// Gives back to the device the cached blocks that belong to a stream, and what this thread's kernels keep to work in
/// there, after all work on the device: before the stream goes, whose handle another may get.
void release_memory_of(Cuda where) noexcept;

/// While it lives, CUDA memory that a stream's work is given is given to no other work and not back to the device, so
/// that the work can be queued again as it was recorded. Then it goes back, after all work on the device. To be made
/// and ended by the thread that does the work.
class HeldMemory {
 public:
  explicit HeldMemory(Cuda where);
  ~HeldMemory();
  HeldMemory(const HeldMemory&) = delete;
  HeldMemory& operator=(const HeldMemory&) = delete;

 private:
  Cuda where_;
};

/// Why there can be no tensors on this device, in a few words ("no CUDA device"); empty if there can.
std::string unavailable(Device device);

}  // namespace mpad
