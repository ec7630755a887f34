// SPDX-License-Identifier: MIT
#include "warp.h"

#include "order.h"

#include <algorithm>
#include <bit>

namespace mpad::emulation {
namespace {

std::string hex(LaneMask mask) {
  std::string text = "0x00000000";
  for (std::size_t digit = 0; digit < 8; ++digit) text[9 - digit] = "0123456789abcdef"[mask >> (4 * digit) & 15];
  return text;
}

LaneMask lanes_of(unsigned threads) { return threads >= warp_size ? full_warp : (LaneMask{1} << threads) - 1; }

}  // namespace

bool Warp::arrive(LaneMask mask, const char* operation, Location where) {
  const unsigned lane = scheduler_.current() - first_thread_;
  const auto fail = [&](const std::string& what) {
    scheduler_.fail(std::string(operation) + " in " + to_string(where) + ": " + what);
  };
  if (!(mask >> lane & 1)) fail("lane " + std::to_string(lane) + " is not in its own mask " + hex(mask));
  const LaneMask present = lanes_of(scheduler_.size() - first_thread_);
  if (mask & ~present) fail("mask " + hex(mask) + " names lanes that the block does not have");
  for (unsigned i = 0; i < warp_size && scheduler_.done() > 0; ++i)
    if ((mask >> i & 1) && scheduler_.thread(first_thread_ + i).state == ThreadState::done)
      fail("lane " + std::to_string(i) + " of mask " + hex(mask) + " has returned");
  Operation& own = pending(mask, operation, where);
  own.arrived |= LaneMask{1} << lane;
  for (const Operation& other : pending_)
    if (&other != &own && (other.arrived & own.mask) && (own.arrived & other.mask))
      scheduler_.fail("divergent warp operations, each waiting for lanes of the other: " + describe(other) + ", " +
                      describe(own));
  return own.arrived == mask;
}

std::string Warp::describe(const Operation& operation) {
  return std::string(operation.name) + " with mask " + hex(operation.mask) + " in " + to_string(operation.where);
}

Warp::Operation& Warp::pending(LaneMask mask, const char* operation, Location where) {
  for (Operation& other : pending_)
    if (other.mask == mask && same_text(other.name, operation) && other.where == where) return other;
  pending_.push_back({mask, 0, operation, where});
  return pending_.back();
}

void Warp::release(LaneMask mask) {
  std::erase_if(pending_, [](const Operation& operation) { return operation.arrived == operation.mask; });
  const Permutation order(settings().order, warp_size);
  unsigned threads[warp_size];
  std::size_t count = 0;
  for (unsigned i = 0; i < warp_size; ++i) {
    const auto lane = static_cast<unsigned>(order(i));
    if (mask >> lane & 1) threads[count++] = first_thread_ + lane;
  }
  scheduler_.wake({threads, count});
}

}  // namespace mpad::emulation
