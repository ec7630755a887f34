// SPDX-License-Identifier: MIT
#include "memory.h"

#include "../address_sanitizer.h"
#include "../settings.h"
#include "error.h"
#include "stream.h"

#include <cuda_runtime_api.h>

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <new>
#include <string_view>

namespace mpad::emulation {
namespace {

constexpr std::size_t page = 4096;

struct sigaction previous_action;

// Opens what a kernel touches for the first time. Of anything else, says what the access was, then lets it happen again
// under the handler that was there before.
void on_access(int, siginfo_t* info, void*) {
  if (DeviceMemory::instance().open_touched(info->si_addr)) return;
  if (DeviceMemory::instance().owns(info->si_addr)) {
    constexpr std::string_view text = "mpad emulation: the host touched device memory\n";
    [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, text.data(), text.size());
  }
  sigaction(SIGSEGV, &previous_action, nullptr);
  previous_action = {};  // the default, should that handler come back to this one
}

// Others set handlers too, as Catch2 does around each test case.
void catch_faults() {
  struct sigaction action = {}, current = {};
  action.sa_sigaction = &on_access;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigaction(SIGSEGV, nullptr, &current);
  if (current.sa_sigaction == &on_access) return;
  previous_action = current;
  sigaction(SIGSEGV, &action, nullptr);
}

std::map<const char*, std::size_t>& pinned() {
  static std::map<const char*, std::size_t> blocks;
  return blocks;
}

// The entry of a map from starts to sizes that may hold this address.
template <class Map>
auto find_before(Map& map, const void* address) {
  auto after = map.upper_bound(static_cast<const char*>(address));
  return after == map.begin() ? map.end() : std::prev(after);
}

}  // namespace

DeviceMemory::DeviceMemory() {
  const char* check = std::getenv("MPAD_EMULATION_HOST_CHECK");
  if (check && std::string_view(check) == "1") set_checked(true);
}

DeviceMemory& DeviceMemory::instance() {
  static DeviceMemory* memory = new DeviceMemory;  // outlives the objects that release memory at exit
  return *memory;
}

void* DeviceMemory::allocate(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  if (bytes > settings().memory_capacity || used_ > settings().memory_capacity - bytes) return nullptr;
  const std::size_t pages = (bytes + page - 1) / page * page;
  void* mapping = mmap(nullptr, pages + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping == MAP_FAILED) return nullptr;
  char* data = static_cast<char*>(mapping) + page;
  mprotect(data, pages, PROT_READ | PROT_WRITE);
  std::memset(data, 0xFF, bytes);
  forbid_access(data + bytes, pages - bytes);
  if (checked_) mprotect(data, pages, PROT_NONE);
  allocations_[data] = {bytes, pages, !checked_};
  used_ += bytes;
  return data;
}

bool DeviceMemory::release(void* data) {
  const std::lock_guard lock(mutex_);
  const auto found = allocations_.find(static_cast<const char*>(data));
  if (found == allocations_.end()) return false;
  allow_access(data, found->second.pages);
  munmap(static_cast<char*>(data) - page, found->second.pages + 2 * page);
  used_ -= found->second.bytes;
  allocations_.erase(found);
  return true;
}

bool DeviceMemory::contains(const void* data, std::size_t bytes) const {
  const std::lock_guard lock(mutex_);
  const auto found = find_before(allocations_, data);
  if (found == allocations_.end()) return false;
  const auto offset = static_cast<std::size_t>(static_cast<const char*>(data) - found->first);
  return offset <= found->second.bytes && bytes <= found->second.bytes - offset;
}

bool DeviceMemory::owns(const void* address) const {
  const std::lock_guard lock(mutex_);
  const auto found = find_before(allocations_, address);
  return found != allocations_.end() && static_cast<const char*>(address) < found->first + found->second.pages;
}

std::size_t DeviceMemory::used() const {
  const std::lock_guard lock(mutex_);
  return used_;
}

void DeviceMemory::set_checked(bool checked) {
  const std::lock_guard lock(mutex_);
  if (checked == checked_) return;
  if (checked)
    catch_faults();
  else
    sigaction(SIGSEGV, &previous_action, nullptr);
  checked_ = checked;
  for (auto& [data, allocation] : allocations_) protect(data, allocation, !checked);
}

void DeviceMemory::open() {
  const std::lock_guard lock(mutex_);
  if (open_++ == 0 && checked_) catch_faults();
}

void DeviceMemory::close() {
  const std::lock_guard lock(mutex_);
  if (--open_ > 0) return;
  for (const char* data : touched_)
    if (const auto found = allocations_.find(data); found != allocations_.end())
      protect(data, found->second, !checked_);
  touched_.clear();
}

bool DeviceMemory::open_touched(const void* address) {
  const std::lock_guard lock(mutex_);
  if (open_ == 0 || !owns(address)) return false;
  const auto found = find_before(allocations_, address);
  if (found->second.accessible) return true;  // another thread was here first
  protect(found->first, found->second, true);
  touched_.push_back(found->first);
  return true;
}

void DeviceMemory::protect(const char* data, Allocation& allocation, bool accessible) {
  if (allocation.accessible == accessible) return;
  mprotect(const_cast<char*>(data), allocation.pages, accessible ? PROT_READ | PROT_WRITE : PROT_NONE);
  allocation.accessible = accessible;
}

void set_host_access_check(bool on) { DeviceMemory::instance().set_checked(on); }

bool is_pinned(const void* data) {
  const std::lock_guard lock(runtime_mutex());
  const auto found = find_before(pinned(), data);
  return found != pinned().end() && static_cast<const char*>(data) < found->first + found->second;
}

}  // namespace mpad::emulation

using namespace mpad::emulation;

extern "C" {
cudaError_t cudaMalloc(void** data, std::size_t bytes) {
  *data = nullptr;
  if (settings().device_status != cudaSuccess) return keep(settings().device_status);
  if (bytes == 0) return cudaSuccess;
  *data = DeviceMemory::instance().allocate(bytes);
  return keep(*data ? cudaSuccess : cudaErrorMemoryAllocation);
}

// Waits for the device, as CUDA's does.
cudaError_t cudaFree(void* data) {
  if (!data) return cudaSuccess;
  const cudaError_t code = synchronize_device();
  if (!DeviceMemory::instance().release(data)) return keep(cudaErrorInvalidValue);
  return code;
}

cudaError_t cudaMallocAsync(void** data, std::size_t bytes, cudaStream_t) { return cudaMalloc(data, bytes); }

cudaError_t cudaFreeAsync(void* data, cudaStream_t stream) {
  if (!data) return cudaSuccess;
  return enqueue_work(
      stream, [data] { return DeviceMemory::instance().release(data) ? cudaSuccess : keep(cudaErrorInvalidValue); });
}

cudaError_t cudaHostAlloc(void** data, std::size_t bytes, unsigned) {
  *data = ::operator new (bytes, std::align_val_t{page}, std::nothrow);
  if (!*data) return keep(cudaErrorMemoryAllocation);
  std::memset(*data, 0xFF, bytes);
  const std::lock_guard lock(runtime_mutex());
  pinned()[static_cast<const char*>(*data)] = bytes;
  return cudaSuccess;
}

cudaError_t cudaMallocHost(void** data, std::size_t bytes) { return cudaHostAlloc(data, bytes, 0); }

cudaError_t cudaFreeHost(void* data) {
  if (!data) return cudaSuccess;
  const cudaError_t code = synchronize_device();
  const std::lock_guard lock(runtime_mutex());
  if (pinned().erase(static_cast<const char*>(data)) == 0) return keep(cudaErrorInvalidValue);
  ::operator delete (data, std::align_val_t{page});
  return code;
}

cudaError_t cudaMemGetInfo(std::size_t* free_bytes, std::size_t* total_bytes) {
  *total_bytes = settings().memory_capacity;
  const std::size_t used = DeviceMemory::instance().used();
  *free_bytes = *total_bytes - std::min(used, *total_bytes);
  return cudaSuccess;
}
}
