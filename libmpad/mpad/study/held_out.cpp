// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/study/held_out.h>

#include <algorithm>
#include <vector>

namespace mpad {
namespace {

using Indices = std::vector<std::int32_t>;

// Away from the streams that a training draws from.
constexpr std::uint64_t holding_out = 0x401d;

}  // namespace

Split hold_out(const Dataset& train, std::int64_t count, std::uint64_t seed) {
  require(train.size() > 1, "hold_out: expected 2 images of {} or more, to hold some out, got {}", train.name,
          train.size());
  require(count > 0 && count < train.size(), "hold_out: expected 1 to {} images of {} to hold out, got {}",
          train.size() - 1, train.name, count);
  const Indices order = Rng(seed).split(holding_out).permutation(static_cast<std::int32_t>(train.size()));
  const auto part = [&](std::int64_t begin, std::int64_t end) {
    Indices indices(order.begin() + begin, order.begin() + end);
    std::sort(indices.begin(), indices.end());
    return train.part(std::move(indices));
  };
  return {.train = part(count, train.size()), .test = part(0, count)};
}

}  // namespace mpad
