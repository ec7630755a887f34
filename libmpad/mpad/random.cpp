// SPDX-License-Identifier: MIT
#include <mpad/core/philox.h>
#include <mpad/random.h>

#include <numeric>
#include <utility>

namespace mpad {
namespace {

struct Source {
  Rng root{0};
  std::uint64_t used = 0;
};
thread_local Source source;

}  // namespace

std::uint32_t Rng::word() {
  const Philox block(seed_, position_ / 4, stream_);
  return block.word[position_++ % 4];
}

double Rng::uniform() {
  const std::uint32_t high = word();
  return uniform_double(high, word());
}

std::uint32_t Rng::below(std::uint32_t count) { return uniform_below(word(), count); }

std::vector<std::int32_t> Rng::permutation(std::int32_t count) {
  std::vector<std::int32_t> order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[below(static_cast<std::uint32_t>(i))]);
  return order;
}

Rng Rng::split(std::uint64_t child) const {
  // 64 of the 128 bits of (stream, child) under another key: streams meet with a chance of 2^-64 for each pair.
  const Philox derived(~seed_, stream_, child);
  return Rng(seed_, (std::uint64_t{derived.word[0]} << 32) | derived.word[1]);
}

void set_seed(std::uint64_t seed) { source = {Rng(seed), 0}; }

Rng next_rng() { return source.root.split(source.used++); }

RandomScope::RandomScope(const Rng& root) : outer_(source.root), outer_used_(source.used) { source = {root, 0}; }
RandomScope::~RandomScope() { source = {outer_, outer_used_}; }

}  // namespace mpad
