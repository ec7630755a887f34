// SPDX-License-Identifier: MIT
#include "grid.h"

#include "block.h"
#include "language.h"
#include "limits.h"
#include "order.h"
#include "workers.h"

#include <algorithm>
#include <atomic>
#include <limits>
#include <mutex>
#include <thread>

namespace mpad::emulation {
namespace {

std::string to_string(dim3 size) {
  return std::to_string(size.x) + "x" + std::to_string(size.y) + "x" + std::to_string(size.z);
}

// Hands out the blocks of a launch to the OS threads that ask, and keeps the first diagnosis. Blocks before one that
// failed still run, so that the diagnosis does not depend on the number of OS threads.
class Blocks {
 public:
  explicit Blocks(const Launch& launch)
      : launch_(launch),
        count_(std::uint64_t{launch.grid.x} * launch.grid.y * launch.grid.z),
        order_(settings().order, count_) {}

  std::uint64_t count() const { return count_; }

  void run() {
    ::blockDim = launch_.block;
    ::gridDim = launch_.grid;
    for (std::uint64_t i = next_++; i < count_ && i < failed_; i = next_++) {
      const std::uint64_t block = order_(i);
      const std::uint64_t row = block / launch_.grid.x;
      ::blockIdx = {static_cast<unsigned>(block % launch_.grid.x), static_cast<unsigned>(row % launch_.grid.y),
                    static_cast<unsigned>(row / launch_.grid.y)};
      const std::string diagnosis = Block::current().run(launch_.block, launch_.shared_bytes, launch_.body);
      if (!diagnosis.empty()) keep(i, diagnosis);
    }
  }

  std::string diagnosis() const { return diagnosis_; }

 private:
  void keep(std::uint64_t i, const std::string& diagnosis) {
    const std::lock_guard lock(mutex_);
    if (i >= failed_) return;
    failed_ = i;
    const uint3 at = ::blockIdx;
    diagnosis_ =
        diagnosis + " (block " + std::to_string(at.x) + "," + std::to_string(at.y) + "," + std::to_string(at.z) + ")";
  }

  const Launch& launch_;
  std::uint64_t count_;
  Permutation order_;
  std::atomic<std::uint64_t> next_{0};
  std::atomic<std::uint64_t> failed_{std::numeric_limits<std::uint64_t>::max()};
  std::mutex mutex_;
  std::string diagnosis_;
};

}  // namespace

std::string check_configuration(const Launch& launch, std::size_t dynamic_limit) {
  const dim3 grid = launch.grid, block = launch.block;
  const std::uint64_t threads = std::uint64_t{block.x} * block.y * block.z;
  if (grid.x == 0 || grid.y == 0 || grid.z == 0 || grid.x > max_grid_x || grid.y > max_grid_y || grid.z > max_grid_z)
    return "expected a grid of 1 to 2147483647x65535x65535 blocks, got " + to_string(grid);
  if (threads == 0 || threads > max_block_threads || block.x > max_block_x || block.y > max_block_y ||
      block.z > max_block_z)
    return "expected blocks of 1 to 1024 threads, at most 64 along z, got " + to_string(block);
  if (launch.shared_bytes > dynamic_limit)
    return "expected at most " + std::to_string(dynamic_limit) + " bytes of dynamic shared memory, got " +
           std::to_string(launch.shared_bytes);
  return {};
}

std::string run_grid(const Launch& launch) {
  constexpr std::uint64_t worth_threads = 4096;
  Blocks blocks(launch);
  const std::uint64_t threads = blocks.count() * launch.block.x * launch.block.y * launch.block.z;
  const std::uint64_t workers =
      threads < worth_threads ? 1 : std::min<std::uint64_t>(settings().workers, blocks.count());
  static Workers pool;
  const auto run = [&] { blocks.run(); };
  // A thread that is ending may wait for the device, and so for what others have queued.
  if (Block::is_gone())
    std::thread(run).join();
  else
    pool.run(static_cast<unsigned>(workers), run);
  return blocks.diagnosis();
}

}  // namespace mpad::emulation
