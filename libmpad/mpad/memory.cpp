// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/memory.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <mutex>
#include <new>
#include <utility>

namespace mpad {
namespace {

constexpr std::size_t kAlignment = 64;

class CpuCache {
 public:
  Buffer allocate(std::size_t bytes) {
    bytes = std::max<std::size_t>(1, bytes);
    require(bytes <= SIZE_MAX - 2 * kAlignment, "memory: expected a size that fits the address space, got {} bytes",
            bytes);
    bytes = (bytes + kAlignment - 1) / kAlignment * kAlignment;
    const auto [block, size] = take(bytes);
    // Outside the lock: if there is no memory for the shared count, this calls give().
    return Buffer(block, [this, size = size](std::byte* p) { give(p, size); });
  }

  MemoryStatistics statistics() {
    std::lock_guard lock(mutex_);
    return statistics_;
  }

  void release() {
    std::lock_guard lock(mutex_);
    release_locked();
  }

 private:
  using Block = std::pair<std::byte*, std::size_t>;

  Block take(std::size_t bytes) {
    std::lock_guard lock(mutex_);
    const Block block = find_or_ask(bytes);
    statistics_.in_use += block.second;
    statistics_.peak_in_use = std::max(statistics_.peak_in_use, statistics_.in_use);
    return block;
  }

  Block find_or_ask(std::size_t bytes) {
    // A block of up to a quarter more than asked serves; a larger one is left for those who need it.
    if (auto found = free_.lower_bound(bytes); found != free_.end() && found->first <= bytes + bytes / 4) {
      const auto [size, block] = *found;
      free_.erase(found);
      statistics_.cached -= size;
      return {block, size};
    }
    void* block = std::aligned_alloc(kAlignment, bytes);
    if (block == nullptr) {
      release_locked();
      block = std::aligned_alloc(kAlignment, bytes);
    }
    require(block != nullptr, "memory: expected {} bytes from the system, got none ({} in use by tensors, 0 cached)",
            bytes, statistics_.in_use);
    ++statistics_.system_allocations;
    return {static_cast<std::byte*>(block), bytes};
  }

  void give(std::byte* block, std::size_t size) noexcept {
    std::lock_guard lock(mutex_);
    statistics_.in_use -= size;
    try {
      free_.emplace(size, block);
      statistics_.cached += size;
    } catch (const std::bad_alloc&) {
      std::free(block);  // no memory for the cache's own record
    }
  }

  void release_locked() {
    for (auto [size, block] : free_) std::free(block);
    free_.clear();
    statistics_.cached = 0;
  }

  std::mutex mutex_{};
  std::multimap<std::size_t, std::byte*> free_{};
  MemoryStatistics statistics_{};
};

// Never destroyed: tensors in static storage may outlive any other static object.
CpuCache& cpu_cache() {
  static CpuCache* cache = new CpuCache;
  return *cache;
}

CpuCache& cache_of(Device device) {
  require(device == Device::cpu, "memory: expected cpu (this build has no CUDA), got {}", to_string(device));
  return cpu_cache();
}

}  // namespace

Buffer allocate(std::size_t bytes, Device device) { return cache_of(device).allocate(bytes); }
MemoryStatistics memory_statistics(Device device) { return cache_of(device).statistics(); }
void release_cached_memory(Device device) { cache_of(device).release(); }

}  // namespace mpad
