// SPDX-License-Identifier: MIT
#include "cluster.h"

#include "language.h"
#include "order.h"

namespace mpad::emulation {
namespace {

thread_local constinit bool gone = false;

std::string to_string(uint3 block) {
  return " (block " + std::to_string(block.x) + "," + std::to_string(block.y) + "," + std::to_string(block.z) + ")";
}

}  // namespace

Cluster::~Cluster() { gone = true; }

bool Cluster::is_gone() { return gone; }

Cluster& Cluster::of_this_thread() {
  static thread_local Cluster cluster;
  return cluster;
}

std::string Cluster::run(const Launch& launch, uint3 first) {
  size_ = launch.shape.cluster;
  while (blocks_.size() < size_) blocks_.emplace_back();
  for (unsigned rank = 0; rank < size_; ++rank) blocks_[rank].prepare(launch);
  std::string diagnosis = run_blocks(launch, first);
  if (!diagnosis.empty()) abandon();
  return diagnosis;
}

std::string Cluster::run_blocks(const Launch& launch, uint3 first) {
  const Permutation order(settings().order, size_);
  for (bool waiting = true; waiting;) {
    waiting = false;
    for (unsigned i = 0; i < size_; ++i) {
      const auto rank = static_cast<unsigned>(order(i));
      ::blockIdx = {first.x, first.y, first.z + rank};
      const std::string diagnosis = blocks_[rank].go_on(launch);
      if (!diagnosis.empty()) return diagnosis + to_string(::blockIdx);
      waiting |= !blocks_[rank].ended();
    }
  }
  return {};
}

void Cluster::abandon() {
  for (unsigned rank = 0; rank < size_; ++rank) blocks_[rank].abandon();
}

void* Cluster::in_block(const void* shared, unsigned rank, Location where) {
  Block& here = Block::current();
  const auto fail = [&](const std::string& what) {
    here.scheduler().fail("mapa in " + emulation::to_string(where) + ": " + what);
  };
  if (rank >= size_) fail("expected one of " + std::to_string(size_) + " blocks, got " + std::to_string(rank));
  Block& other = blocks_[rank];
  if (other.ended()) fail("expected block " + std::to_string(rank) + " of the cluster to run, got one that has ended");
  const std::size_t offset = here.shared().dynamic_offset(shared);
  if (offset >= here.shared().dynamic_bytes()) fail("expected a place in dynamic shared memory");
  return static_cast<char*>(other.shared().dynamic()) + offset;
}

}  // namespace mpad::emulation
