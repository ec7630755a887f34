// SPDX-License-Identifier: MIT
#include "async_copy.h"

#include <algorithm>
#include <cstring>

namespace mpad::emulation {

void AsyncCopies::reset() {
  pending_.clear();
  committed_ = 0;
}

void AsyncCopies::issue(void* destination, const void* source, std::size_t bytes, std::size_t source_bytes) {
  std::memset(destination, 0xFF, bytes);
  pending_.push_back({destination, source, bytes, source_bytes, committed_});
}

void AsyncCopies::wait(unsigned remaining) {
  const auto finished = [&](const Copy& copy) { return copy.group + remaining < committed_; };
  for (const Copy& copy : pending_) {
    if (!finished(copy)) continue;
    if (copy.source_bytes > 0) std::memcpy(copy.destination, copy.source, copy.source_bytes);
    std::memset(static_cast<char*>(copy.destination) + copy.source_bytes, 0, copy.bytes - copy.source_bytes);
  }
  std::erase_if(pending_, finished);
}

}  // namespace mpad::emulation
