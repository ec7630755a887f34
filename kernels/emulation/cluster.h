// SPDX-License-Identifier: MIT
#pragma once
#include "block.h"
#include "grid.h"

#include <deque>
#include <string>

namespace mpad::emulation {

/// Blocks that run at once and reach each other's shared memory. One block runs until all its threads have returned or
/// wait for the cluster, then the next.
class Cluster {
 public:
  Cluster() = default;
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;
  /// Each OS thread runs one cluster at a time.
  static Cluster& of_this_thread();
  /// Whether that is gone: the thread is ending.
  static bool is_gone();

  /// Runs the cluster whose first block this is; returns what went wrong and in which block, empty if nothing.
  std::string run(const Launch& launch, uint3 first);

  /// The place in another block's dynamic shared memory that `shared` is in the current one's. The kernel fails where
  /// there is no such block or place, or the block has ended.
  void* in_block(const void* shared, unsigned rank, Location where);

 private:
  std::string run_blocks(const Launch& launch, uint3 first);
  void abandon();

  std::deque<Block> blocks_;
  unsigned size_ = 0;
};

}  // namespace mpad::emulation
