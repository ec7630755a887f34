// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/core/philox.h>
#include <mpad/random.h>

#include <numeric>
#include <utility>

namespace mpad {
namespace {

// What children are taken from; `child` is the next.
thread_local RandomSource source;

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

Rng Rng::split(std::uint64_t child) const { return Rng(seed_, child_stream(seed_, stream_, child)); }

void set_seed(std::uint64_t seed) { source = {.rng = Rng(seed)}; }

Rng next_rng() {
  require(!source.key, "random: expected dropout where a key is drawn by (RandomScope), got another draw");
  return source.rng.split(source.child++);
}

RandomSource next_source() {
  if (source.key) return {.key = source.key, .child = source.child++};
  return {.rng = next_rng()};
}

Tensor key_of(const Rng& rng) {
  const Tensor key({2}, DType::u64);
  key.span<std::uint64_t>()[0] = rng.seed();
  key.span<std::uint64_t>()[1] = rng.stream();
  return key;
}

RandomScope::RandomScope(const Rng& root) : outer_(std::exchange(source, {.rng = root})) {}

RandomScope::RandomScope(const Tensor& key) : outer_(source) {
  require(key.dtype() == DType::u64 && key.numel() == 2, "random: expected a key, u64 2, got {} {}", key.dtype(),
          key.shape());
  source = {.key = key};
}

RandomScope::~RandomScope() { source = std::move(outer_); }

}  // namespace mpad
