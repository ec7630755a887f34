// SPDX-License-Identifier: MIT
#include "grid.h"

#include "cluster.h"
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

// Hands out the clusters of a launch to the OS threads that ask, and keeps the first diagnosis. Clusters before one
// that failed still run, so that the diagnosis does not depend on the number of OS threads.
class Clusters {
 public:
  explicit Clusters(const Launch& launch)
      : launch_(launch),
        along_z_(launch.shape.grid.z / launch.shape.cluster),
        count_(std::uint64_t{launch.shape.grid.x} * launch.shape.grid.y * along_z_),
        order_(settings().order, count_) {}

  std::uint64_t count() const { return count_; }

  void run() {
    const dim3 grid = launch_.shape.grid;
    ::blockDim = launch_.shape.block;
    ::gridDim = grid;
    for (std::uint64_t i = next_++; i < count_ && i < failed_; i = next_++) {
      const std::uint64_t cluster = order_(i);
      const std::uint64_t row = cluster / grid.x;
      const uint3 first{static_cast<unsigned>(cluster % grid.x), static_cast<unsigned>(row % grid.y),
                        static_cast<unsigned>(row / grid.y) * launch_.shape.cluster};
      const std::string diagnosis = Cluster::of_this_thread().run(launch_, first);
      if (!diagnosis.empty()) keep(i, diagnosis);
    }
  }

  std::string diagnosis() const { return diagnosis_; }

 private:
  void keep(std::uint64_t i, const std::string& diagnosis) {
    const std::lock_guard lock(mutex_);
    if (i >= failed_) return;
    failed_ = i;
    diagnosis_ = diagnosis;
  }

  const Launch& launch_;
  std::uint64_t along_z_, count_;
  Permutation order_;
  std::atomic<std::uint64_t> next_{0};
  std::atomic<std::uint64_t> failed_{std::numeric_limits<std::uint64_t>::max()};
  std::mutex mutex_;
  std::string diagnosis_;
};

}  // namespace

std::string check_configuration(const Launch& launch, std::size_t dynamic_limit) {
  const dim3 grid = launch.shape.grid, block = launch.shape.block;
  const std::size_t shared_bytes = launch.shape.shared_bytes;
  const unsigned cluster = launch.shape.cluster;
  const std::uint64_t threads = std::uint64_t{block.x} * block.y * block.z;
  if (grid.x == 0 || grid.y == 0 || grid.z == 0 || grid.x > max_grid_x || grid.y > max_grid_y || grid.z > max_grid_z)
    return "expected a grid of 1 to 2147483647x65535x65535 blocks, got " + to_string(grid);
  if (threads == 0 || threads > max_block_threads || block.x > max_block_x || block.y > max_block_y ||
      block.z > max_block_z)
    return "expected blocks of 1 to 1024 threads, at most 64 along z, got " + to_string(block);
  if (shared_bytes > dynamic_limit)
    return "expected at most " + std::to_string(dynamic_limit) + " bytes of dynamic shared memory, got " +
           std::to_string(shared_bytes);
  if (cluster == 0 || cluster > max_cluster || grid.z % cluster != 0)
    return "expected clusters of 1 to 8 blocks that divide the grid's " + std::to_string(grid.z) + " along z, got " +
           std::to_string(cluster);
  return {};
}

std::string run_grid(const Launch& launch) {
  constexpr std::uint64_t worth_threads = 4096;
  Clusters clusters(launch);
  const Shape& shape = launch.shape;
  const std::uint64_t threads = clusters.count() * shape.cluster * shape.block.x * shape.block.y * shape.block.z;
  const std::uint64_t workers =
      threads < worth_threads ? 1 : std::min<std::uint64_t>(settings().workers, clusters.count());
  static Workers pool;
  const auto run = [&] { clusters.run(); };
  // A thread that is ending may wait for the device, and so for what others have queued.
  if (Cluster::is_gone())
    std::thread(run).join();
  else
    pool.run(static_cast<unsigned>(workers), run);
  return clusters.diagnosis();
}

}  // namespace mpad::emulation
