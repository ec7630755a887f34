// SPDX-License-Identifier: MIT
#pragma once
#include <cstddef>
#include <vector>

namespace mpad::emulation {

/// cp.async of one thread, as late as the hardware may be: a destination holds 0xFF from the copy's issue to the wait
/// for its group, so that a read too early and a read of what the copy overwrites both find NaN.
class AsyncCopies {
 public:
  void reset();
  /// Copies `source_bytes` from source and zeros behind them, `bytes` in all.
  void issue(void* destination, const void* source, std::size_t bytes, std::size_t source_bytes);
  /// The copies issued since the last commit become a group.
  void commit() { ++committed_; }
  /// Finishes all groups but the newest `remaining`.
  void wait(unsigned remaining);

 private:
  struct Copy {
    void* destination;
    const void* source;
    std::size_t bytes, source_bytes;
    unsigned group;
  };
  std::vector<Copy> pending_;
  unsigned committed_ = 0;
};

}  // namespace mpad::emulation
