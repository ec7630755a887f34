// SPDX-License-Identifier: MIT
// Everything that one block of a running kernel has.
#pragma once
#include "async_copy.h"
#include "barrier.h"
#include "grid.h"
#include "group_product.h"
#include "scheduler.h"
#include "shared_memory.h"
#include "tensor_copy.h"
#include "warp.h"

#include <deque>

namespace mpad::emulation {

class Block {
 public:
  Block();
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  /// The block that the calling OS thread runs.
  static Block& current();

  /// Begins a block of a launch, no thread of which has run yet.
  void prepare(const Launch& launch);
  /// Runs its threads until all have returned or wait for the cluster, whose blocks have all come so far; returns what
  /// went wrong, empty if nothing.
  std::string go_on(const Launch& launch);
  /// Whether all threads have returned.
  bool ended() const { return scheduler_.done() == scheduler_.size(); }
  /// Unwinds threads that wait.
  void abandon();

  /// The current thread has waited for the kernels before.
  void follow_kernels_before() { ++followers_; }

  Scheduler& scheduler() { return scheduler_; }
  Barrier& barrier() { return barrier_; }
  SharedMemory& shared() { return shared_; }
  /// Those of the current thread.
  Warp& warp() { return warps_[scheduler_.current() / warp_size]; }
  unsigned lane() const { return scheduler_.current() % warp_size; }
  CopyBarriers& copy_barriers() { return copy_barriers_; }
  AsyncCopies& async_copies() { return async_copies_[scheduler_.current()]; }
  GroupProducts& group_products() { return group_products_[scheduler_.current()]; }
  /// A static shared array; fails where the block's arrays exceed 48 KiB, or what is left of them beside dynamic
  /// memory.
  void* shared_array(const void* key, std::size_t bytes, Location where);

 private:
  Scheduler scheduler_;
  Barrier barrier_{scheduler_};
  SharedMemory shared_;
  CopyBarriers copy_barriers_;
  std::deque<Warp> warps_;
  std::vector<AsyncCopies> async_copies_;
  std::vector<GroupProducts> group_products_;
  unsigned followers_ = 0;
};

/// Starts a cp.async of the current thread; fails on what is misaligned or not in shared memory.
void copy_async(void* shared, const void* global, std::size_t bytes, std::size_t valid, Location where);

}  // namespace mpad::emulation
