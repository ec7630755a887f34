// SPDX-License-Identifier: MIT
#include "shared_memory.h"

#include "address_sanitizer.h"
#include "limits.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace mpad::emulation {
namespace {

constexpr std::size_t alignment = 1024;  // what permuted arrays ask for
constexpr std::size_t redzone = 1024;
// Static and dynamic arrays at their largest, and a redzone and padding for each of the first 128 arrays.
constexpr std::size_t capacity = max_static_shared + max_dynamic_shared + 128 * (redzone + alignment);

std::size_t round_up(std::size_t bytes) { return (bytes + alignment - 1) / alignment * alignment; }

}  // namespace

SharedMemory::SharedMemory() : storage_(new char[capacity + alignment]) { reset(0, 0); }

SharedMemory::~SharedMemory() { allow_access(storage_.get(), capacity + alignment); }

void SharedMemory::reset(std::size_t dynamic_bytes, std::size_t in_all) {
  forbid_access(storage_.get(), used_ == 0 ? capacity + alignment : used_);
  used_ = alignment - reinterpret_cast<std::uintptr_t>(storage_.get()) % alignment;
  static_bytes_ = 0;
  static_limit_ = std::min(max_static_shared, std::max(in_all, dynamic_bytes) - dynamic_bytes);
  arrays_.clear();
  dynamic_bytes_ = dynamic_bytes;
  dynamic_ = take(dynamic_bytes);
}

void* SharedMemory::array(const void* key, std::size_t bytes) {
  for (const Array& array : arrays_)
    if (array.key == key) return array.data;
  if (static_bytes_ + bytes > static_limit_ || arrays_.size() == 120) return nullptr;
  static_bytes_ += bytes;
  arrays_.push_back({key, take(bytes)});
  return arrays_.back().data;
}

char* SharedMemory::take(std::size_t bytes) {
  char* data = storage_.get() + used_ + redzone;
  used_ += redzone + round_up(bytes);
  allow_access(data, bytes);
  std::memset(data, 0xFF, bytes);
  return data;
}

bool SharedMemory::contains(const void* data, std::size_t bytes) const {
  const char* first = static_cast<const char*>(data);
  return first >= storage_.get() && first + bytes <= storage_.get() + used_;
}

}  // namespace mpad::emulation
