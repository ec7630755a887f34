// SPDX-License-Identifier: MIT
#include "block.h"

#include <cstdint>

namespace mpad::emulation {
namespace {

thread_local constinit Block* running = nullptr;

}  // namespace

Block::Block() {
  scheduler_.on_thread_done = [this] { barrier_.thread_done(); };
}

Block& Block::current() { return *running; }

std::string Block::go_on(const Launch& launch) {
  running = this;
  std::string diagnosis = scheduler_.go_on(launch.body);
  if (diagnosis.empty() && ended() && copy_barriers_.any_left())
    return "expected a wait for every copy of a tensor's elements";
  if (diagnosis.empty() && ended() && launch.shape.overlaps && followers_ != scheduler_.size())
    return "expected every thread to call follow_kernels_before, got " + std::to_string(followers_) + " of " +
           std::to_string(scheduler_.size());
  return diagnosis;
}

void Block::abandon() {
  running = this;
  scheduler_.abandon();
}

void Block::prepare(const Launch& launch) {
  const dim3 shape = launch.shape.block;
  const unsigned threads = shape.x * shape.y * shape.z;
  followers_ = 0;
  scheduler_.prepare(shape);
  barrier_.reset();
  shared_.reset(launch.shape.shared_bytes, launch.shared_in_all);
  copy_barriers_.reset();
  while (warps_.size() * warp_size < threads)
    warps_.emplace_back(scheduler_, static_cast<unsigned>(warps_.size()) * warp_size);
  for (Warp& warp : warps_) warp.reset();
  if (async_copies_.size() < threads) async_copies_.resize(threads);
  for (AsyncCopies& copies : async_copies_) copies.reset();
  if (group_products_.size() < threads) group_products_.resize(threads);
  for (GroupProducts& products : group_products_) products.reset();
}

void* Block::shared_array(const void* key, std::size_t bytes, Location where) {
  void* data = shared_.array(key, bytes);
  if (!data)
    scheduler_.fail("shared memory in " + to_string(where) + ": expected at most " +
                    std::to_string(shared_.static_limit()) + " bytes of static arrays, got " +
                    std::to_string(shared_.static_bytes() + bytes));
  return data;
}

void copy_async(void* shared, const void* global, std::size_t bytes, std::size_t valid, Location where) {
  Block& block = Block::current();
  const auto fail = [&](const char* what) { block.scheduler().fail("cp.async in " + to_string(where) + ": " + what); };
  if (reinterpret_cast<std::uintptr_t>(shared) % bytes != 0) fail("misaligned shared address");
  if (reinterpret_cast<std::uintptr_t>(global) % bytes != 0) fail("misaligned global address");
  if (valid > bytes) fail("more valid bytes than bytes to copy");
  if (!block.shared().contains(shared, bytes)) fail("expected a destination in shared memory");
  block.async_copies().issue(shared, global, bytes, valid);
}

}  // namespace mpad::emulation
