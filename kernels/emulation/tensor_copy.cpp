// SPDX-License-Identifier: MIT
#include "tensor_copy.h"

#include "block.h"

#include <cuda.h>

#include <algorithm>
#include <atomic>
#include <cstring>

namespace mpad::emulation {
namespace {

std::atomic<std::uint64_t> started{0};

}  // namespace

const TensorView& TensorView::of(const CUtensorMap_st* map) {
  static_assert(sizeof(TensorView) <= sizeof(CUtensorMap));
  return *reinterpret_cast<const TensorView*>(map);
}

std::size_t TensorView::rows() const {
  return static_cast<std::size_t>(pixels > 0 ? pixels : box[1] * box[2] * box[3]);
}

void TensorView::copy_row(char* shared, std::size_t row, const Place& at) const {
  bool inside = true;
  const char* from = data;
  for (int d = 1; d < rank; ++d) {
    inside = inside && at[d] >= 0 && at[d] < size[d];
    from += static_cast<std::int64_t>(at[d]) * static_cast<std::int64_t>(strides[d - 1]);
  }
  for (int i = 0; i < box[0]; ++i) {
    const int c = at[0] + i;
    auto to = reinterpret_cast<std::uintptr_t>(shared) + row * bytes_of_row() + static_cast<std::size_t>(i) * 2;
    to ^= (to >> 7 & ((std::uintptr_t{1} << permuted) - 1)) << 4;
    const bool there = inside && c >= 0 && c < size[0];
    if (there)
      std::memcpy(reinterpret_cast<void*>(to), from + static_cast<std::int64_t>(c) * 2, 2);
    else
      std::memset(reinterpret_cast<void*>(to), 0, 2);
  }
}

void TensorView::copy_box(char* shared, const Place& at) const {
  std::size_t row = 0;
  for (int n = 0; n < box[3]; ++n)
    for (int h = 0; h < box[2]; ++h)
      for (int w = 0; w < box[1]; ++w) copy_row(shared, row++, {at[0], at[1] + w, at[2] + h, at[3] + n});
}

void TensorView::copy_pixels(char* shared, const Place& at, const std::array<int, 2>& offset) const {
  Place pixel = at;
  for (std::size_t row = 0; row < rows(); ++row) {
    copy_row(shared, row, {pixel[0], pixel[1] + offset[0], pixel[2] + offset[1], pixel[3]});
    pixel[1] += steps[1];
    if (pixel[1] < size[1] + behind[0]) continue;
    pixel[1] = first[0];
    pixel[2] += steps[2];
    if (pixel[2] < size[2] + behind[1]) continue;
    pixel[2] = first[1];
    ++pixel[3];
  }
}

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
  for (const Copy& copy : state.copies)
    if (copy.view.pixels > 0)
      copy.view.copy_pixels(copy.shared, copy.at, copy.offset);
    else
      copy.view.copy_box(copy.shared, copy.at);
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
