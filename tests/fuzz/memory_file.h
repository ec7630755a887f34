// SPDX-License-Identifier: MIT
// What the fuzz targets share.
#pragma once
#include <cstdint>
#include <cstdlib>
#include <string>

#include <sys/mman.h>
#include <unistd.h>

namespace mpad::fuzz {

/// A file in memory, which has a path like any other.
class MemoryFile {
 public:
  MemoryFile(const void* bytes, std::size_t size) : descriptor_(memfd_create("fuzz", MFD_CLOEXEC)) {
    if (descriptor_ < 0 || write(descriptor_, bytes, size) != static_cast<ssize_t>(size)) std::abort();
  }
  ~MemoryFile() { close(descriptor_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

/// Ends the process, which the fuzzer counts as a finding, unless `condition` holds.
inline void require_true(bool condition) {
  if (!condition) std::abort();
}

}  // namespace mpad::fuzz
