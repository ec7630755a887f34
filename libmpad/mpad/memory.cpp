// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/core/exact_memory.h>
#include <mpad/memory.h>

#include <cuda/runtime.h>
#include <cuda/scratch.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <mutex>
#include <new>
#include <set>
#include <utility>

namespace mpad {
namespace {

constexpr std::size_t kAlignment = 64;

// Where a cache gets its blocks from.
struct System {
  Device device;
  void* (*allocate)(std::size_t bytes);  // null if there is no more
  void (*release)(void*);
  void (*release_scratch)();                             // what this thread's kernels keep beside the cache
  std::string (*describe)(const MemoryStatistics& now);  // where its memory is
};

// Of any size: aligned_alloc takes multiples of the alignment only.
void* allocate_aligned(std::size_t bytes) {
  void* block = nullptr;
  return posix_memalign(&block, kAlignment, bytes) == 0 ? block : nullptr;
}

constexpr System cpu_system{
    Device::cpu, allocate_aligned, [](void* block) { std::free(block); }, [] {},
    [](const MemoryStatistics& now) { return fmt::format("{} in use by tensors", now.in_use); }};

constexpr System cuda_system{Device::cuda, cuda::allocate, [](void* block) { cuda::release(block); },
                             cuda::release_scratch,
                             [](const MemoryStatistics& now) {
                               return cuda::describe_memory({now.in_use, now.cached});
                             }};

class Cache {
 public:
  explicit Cache(const System& system) : system_(system) {}

  Buffer allocate(std::size_t bytes, void* stream) {
    bytes = std::max<std::size_t>(1, bytes);
    require(bytes <= SIZE_MAX - 2 * kAlignment, "memory: expected a size that fits the address space, got {} bytes",
            bytes);
    if (!exact_) bytes = (bytes + kAlignment - 1) / kAlignment * kAlignment;
    const auto [block, size] = take(bytes, stream);
    // Outside the lock: if there is no memory for the shared count, this calls give().
    return Buffer(block, [this, size = size, stream](std::byte* p) { give(p, size, stream); });
  }

  MemoryStatistics statistics() {
    std::lock_guard lock(mutex_);
    return statistics_;
  }

  // What stays.
  MemoryStatistics release() {
    std::lock_guard lock(mutex_);
    release_locked();
    return statistics_;
  }

  void hold(void* stream) {
    std::lock_guard lock(mutex_);
    held_.insert(stream);
  }

  void drop(void* stream) {
    std::lock_guard lock(mutex_);
    held_.erase(stream);
    release_if([&](const Key& key) { return key.first == stream; });
  }

 private:
  using Block = std::pair<std::byte*, std::size_t>;
  using Key = std::pair<void*, std::size_t>;  // stream, bytes

  Block take(std::size_t bytes, void* stream) {
    std::lock_guard lock(mutex_);
    const Block block = find_or_ask(bytes, stream);
    statistics_.in_use += block.second;
    statistics_.peak_in_use = std::max(statistics_.peak_in_use, statistics_.in_use);
    return block;
  }

  Block find_or_ask(std::size_t bytes, void* stream) {
    // A block of up to a quarter more than asked serves; a larger one is left for those who need it.
    if (auto found = free_.lower_bound({stream, bytes});
        !exact_ && found != free_.end() && found->first.first == stream && found->first.second <= bytes + bytes / 4) {
      const auto [key, block] = *found;
      free_.erase(found);
      statistics_.cached -= key.second;
      return {block, key.second};
    }
    void* block = system_.allocate(bytes);
    if (block == nullptr) {
      system_.release_scratch();
      release_locked();
      block = system_.allocate(bytes);
    }
    if (block == nullptr)
      throw OutOfMemory(fmt::format("memory: expected {} bytes on {}, got none ({})", bytes, to_string(system_.device),
                                    system_.describe(statistics_)));
    ++statistics_.system_allocations;
    return {static_cast<std::byte*>(block), bytes};
  }

  void give(std::byte* block, std::size_t size, void* stream) noexcept {
    std::lock_guard lock(mutex_);
    statistics_.in_use -= size;
    if (exact_ && held_.count(stream) == 0) return system_.release(block);
    try {
      free_.emplace(Key(stream, size), block);
      statistics_.cached += size;
    } catch (const std::bad_alloc&) {
      system_.release(block);  // no memory for the cache's own record
    }
  }

  void release_locked() {
    release_if([this](const Key& key) { return held_.count(key.first) == 0; });
  }

  template <class F>
  void release_if(const F& chosen) {
    std::erase_if(free_, [&](const auto& entry) {
      const auto& [key, block] = entry;
      if (!chosen(key)) return false;
      system_.release(block);
      statistics_.cached -= key.second;
      return true;
    });
  }

  const System& system_;
  const bool exact_ = has_exact_memory();
  std::mutex mutex_{};
  std::multimap<Key, std::byte*> free_{};
  std::set<void*> held_{};  // streams
  MemoryStatistics statistics_{};
};

Cache& cache_of(Device device);

Cache* new_cuda_cache() {
  cuda::set_reclaim([] {
    const MemoryStatistics now = cache_of(Device::cuda).release();
    return cuda::KeptMemory{now.in_use, now.cached};
  });
  return new Cache(cuda_system);
}

// Never destroyed: tensors in static storage may outlive any other static object.
Cache& cache_of(Device device) {
  static Cache* const caches[] = {new Cache(cpu_system), new_cuda_cache()};
  return *caches[static_cast<int>(device)];
}

}  // namespace

Buffer allocate(std::size_t bytes, Device device) {
  return cache_of(device).allocate(bytes, device == Device::cuda ? current_cuda().stream : nullptr);
}
MemoryStatistics memory_statistics(Device device) { return cache_of(device).statistics(); }
void release_cached_memory(Device device) {
  if (device == Device::cuda) cuda::release_scratch();
  cache_of(device).release();
}
void release_memory_of(Cuda where) noexcept {
  cuda::drop_scratch(where);
  cache_of(Device::cuda).drop(where.stream);
}
HeldMemory::HeldMemory(Cuda where) : where_(where) {
  cuda::hold_scratch(where);
  cache_of(Device::cuda).hold(where.stream);
}
HeldMemory::~HeldMemory() { release_memory_of(where_); }
std::string unavailable(Device device) { return device == Device::cuda ? cuda::unavailable() : std::string(); }

}  // namespace mpad
