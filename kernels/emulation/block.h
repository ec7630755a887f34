// SPDX-License-Identifier: MIT
// Everything that one block of a running kernel has. Each OS thread runs one block at a time.
#pragma once
#include "async_copy.h"
#include "barrier.h"
#include "group_product.h"
#include "scheduler.h"
#include "shared_memory.h"
#include "warp.h"

#include <deque>

namespace mpad::emulation {

class Block {
 public:
  Block();
  ~Block();
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  /// The block of the calling OS thread.
  static Block& current();
  /// Whether that is gone: the thread is ending.
  static bool is_gone();

  /// Runs the threads of a block; returns what went wrong, empty if nothing.
  std::string run(dim3 shape, std::size_t dynamic_shared_bytes, const std::function<void()>& body);

  Scheduler& scheduler() { return scheduler_; }
  Barrier& barrier() { return barrier_; }
  SharedMemory& shared() { return shared_; }
  /// Those of the current thread.
  Warp& warp() { return warps_[scheduler_.current() / warp_size]; }
  unsigned lane() const { return scheduler_.current() % warp_size; }
  AsyncCopies& async_copies() { return async_copies_[scheduler_.current()]; }
  GroupProducts& group_products() { return group_products_[scheduler_.current()]; }
  /// A static shared array; fails where the block's arrays exceed 48 KiB.
  void* shared_array(const void* key, std::size_t bytes, Location where);

 private:
  void prepare(unsigned threads, std::size_t dynamic_shared_bytes);

  Scheduler scheduler_;
  Barrier barrier_{scheduler_};
  SharedMemory shared_;
  std::deque<Warp> warps_;
  std::vector<AsyncCopies> async_copies_;
  std::vector<GroupProducts> group_products_;
};

/// Starts a cp.async of the current thread; fails on what is misaligned or not in shared memory.
void copy_async(void* shared, const void* global, std::size_t bytes, std::size_t valid, Location where);

}  // namespace mpad::emulation
