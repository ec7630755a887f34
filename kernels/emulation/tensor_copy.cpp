// SPDX-License-Identifier: MIT
#include "tensor_copy.h"

#include "block.h"

#include <algorithm>
#include <atomic>
#include <cstring>

namespace mpad::emulation {
namespace {

std::atomic<std::uint64_t> started{0};

}  // namespace

CopyBarriers::State& CopyBarriers::at(const void* barrier, const char* operation, Location where) {
  const auto found = barriers_.find(barrier);
  if (found == barriers_.end())
    Block::current().scheduler().fail(std::string(operation) + " in " + to_string(where) +
                                      ": expected a barrier that was initialised");
  return found->second;
}

void CopyBarriers::expect(const void* barrier, std::size_t bytes, Location where) {
  State& state = at(barrier, "mbarrier.arrive", where);
  if (state.expects)
    Block::current().scheduler().fail("mbarrier.arrive in " + to_string(where) +
                                      ": expected a wait for what was expected before");
  state.expects = true;
  state.expected = bytes;
  finish_if_waited_for(state);
}

void CopyBarriers::issue(const void* barrier, const Copy& copy, Location where) {
  State& state = at(barrier, "cp.async.bulk.tensor", where);
  std::memset(copy.shared, 0xFF, copy.view.bytes());
  state.copies.push_back(copy);
  state.issued += copy.view.bytes();
  finish_if_waited_for(state);
}

void CopyBarriers::wait(const void* barrier, unsigned phase, Location where) {
  State& state = at(barrier, "mbarrier.try_wait", where);
  while (state.phase == phase && !finish(state)) {
    Scheduler& scheduler = Block::current().scheduler();
    state.waiting.push_back(scheduler.current());
    scheduler.wait(ThreadState::at_copy_barrier, "mbarrier.try_wait", where);
  }
}

bool CopyBarriers::any_left() const {
  return std::any_of(barriers_.begin(), barriers_.end(),
                     [](const auto& barrier) { return barrier.second.expects || barrier.second.issued > 0; });
}

void CopyBarriers::finish_if_waited_for(State& state) {
  if (state.waiting.empty() || !finish(state)) return;
  Block::current().scheduler().wake(state.waiting);
  state.waiting.clear();
}

bool CopyBarriers::finish(State& state) {
  if (!state.expects || state.issued != state.expected) return false;
  for (const Copy& copy : state.copies) copy.view.copy(copy.shared, copy.at, copy.offset);
  state.copies.clear();
  state.phase ^= 1;
  state.expects = false;
  state.expected = state.issued = 0;
  return true;
}

void copy_tensor(void* shared, const CUtensorMap_st* map, const TensorView::Place& at, const std::array<int, 2>& offset,
                 bool of_pixels, const void* barrier, Location where) {
  Block& block = Block::current();
  const auto fail = [&](const char* what) {
    block.scheduler().fail("cp.async.bulk.tensor in " + to_string(where) + ": " + what);
  };
  const TensorView& view = TensorView::of(map);
  if (reinterpret_cast<std::uintptr_t>(map) % 64 != 0) fail("misaligned tensor map");
  if (of_pixels != (view.pixels > 0)) fail("expected a tensor map of the copy's kind");
  if (reinterpret_cast<std::uintptr_t>(shared) % 128 != 0) fail("misaligned shared address");
  if (!block.shared().contains(shared, view.bytes())) fail("expected a destination in shared memory");
  for (const int o : offset)
    if (o < 0 || o > 255) fail("expected an offset of 0 to 255 pixels");
  started.fetch_add(1, std::memory_order_relaxed);
  block.copy_barriers().issue(barrier, {view, static_cast<char*>(shared), at, offset}, where);
}

std::uint64_t tensor_copies() { return started.load(std::memory_order_relaxed); }

}  // namespace mpad::emulation
