// SPDX-License-Identifier: MIT
#pragma once
#include <cstddef>
#include <memory>
#include <vector>

namespace mpad::emulation {

/// Shared memory of one block. Each array has its exact size, forbidden bytes around it (AddressSanitizer reports
/// them), and holds 0xFF (NaN, -1) until it is written.
class SharedMemory {
 public:
  SharedMemory();
  ~SharedMemory();
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;

  /// Starts a block, whose arrays may have so many bytes in all: forgets all and takes the dynamic one.
  void reset(std::size_t dynamic_bytes, std::size_t in_all);
  /// The array that `key` (an address of its own for each declaration) stands for; null if it exceeds the limit.
  void* array(const void* key, std::size_t bytes);
  void* dynamic() const { return dynamic_; }
  std::size_t dynamic_bytes() const { return dynamic_bytes_; }
  /// Bytes from the dynamic array to this place.
  std::size_t dynamic_offset(const void* place) const {
    return static_cast<std::size_t>(static_cast<const char*>(place) - dynamic_);
  }
  std::size_t static_bytes() const { return static_bytes_; }
  std::size_t static_limit() const { return static_limit_; }
  /// Whether all these bytes belong to shared memory (of any array).
  bool contains(const void* data, std::size_t bytes) const;

 private:
  char* take(std::size_t bytes);

  struct Array {
    const void* key;
    char* data;
  };
  std::unique_ptr<char[]> storage_;
  std::size_t used_ = 0, static_bytes_ = 0, static_limit_ = 0, dynamic_bytes_ = 0;
  std::vector<Array> arrays_;
  char* dynamic_ = nullptr;
};

}  // namespace mpad::emulation
