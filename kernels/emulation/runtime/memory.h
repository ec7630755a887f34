// SPDX-License-Identifier: MIT
// Device memory: pages of its own for each allocation between two inaccessible ones, and behind its exact size bytes
// that AddressSanitizer forbids. Fresh memory holds 0xFF (NaN, -1).
#pragma once
#include <cstddef>
#include <map>
#include <mutex>
#include <vector>

namespace mpad::emulation {

class DeviceMemory {
 public:
  static DeviceMemory& instance();

  /// Null if the capacity would be exceeded.
  void* allocate(std::size_t bytes);
  /// False unless `data` is the start of an allocation.
  bool release(void* data);
  /// Whether all these bytes lie in one allocation.
  bool contains(const void* data, std::size_t bytes) const;
  /// Whether the address lies in any, its padding included.
  bool owns(const void* address) const;
  std::size_t used() const;

  /// The host may touch device memory, or not (see set_host_access_check).
  void set_checked(bool checked);
  /// Kernels, copies and cuBLAS open device memory while they run; nests. With the check on, what they touch is made
  /// accessible when they do, by the handler of the fault, and inaccessible at the end.
  void open();
  void close();
  /// Makes the allocation of this address accessible; false if memory is not open or no allocation has it.
  bool open_touched(const void* address);

 private:
  DeviceMemory();

  struct Allocation {
    std::size_t bytes, pages;
    bool accessible;
  };
  void protect(const char* data, Allocation& allocation, bool accessible);

  mutable std::recursive_mutex mutex_;
  std::map<const char*, Allocation> allocations_;
  std::vector<const char*> touched_;
  std::size_t used_ = 0;
  bool checked_ = false;
  int open_ = 0;
};

/// Opens device memory for a scope.
class DeviceAccess {
 public:
  DeviceAccess() { DeviceMemory::instance().open(); }
  ~DeviceAccess() { DeviceMemory::instance().close(); }
  DeviceAccess(const DeviceAccess&) = delete;
  DeviceAccess& operator=(const DeviceAccess&) = delete;
};

/// Whether `data` points into memory of cudaHostAlloc or cudaMallocHost.
bool is_pinned(const void* data);

}  // namespace mpad::emulation
