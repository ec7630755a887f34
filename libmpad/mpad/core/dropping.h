// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/core/types.h>

#include <cstdint>

namespace mpad {

/// What dropout does to an element, given 32 random bits.
template <class A>
struct Dropping {
  std::uint32_t threshold;
  A scale;

  [[gnu::always_inline]] explicit Dropping(double p) : scale(static_cast<A>(1 / (1 - p))) {
    const double share = p * 0x1p32 + 0.5;
    threshold = share < 0x1p32 ? static_cast<std::uint32_t>(share) : UINT32_MAX;
  }
  [[gnu::always_inline]] MPAD_HD A operator()(A x, std::uint32_t word) const {
    return word < threshold ? A(0) : x * scale;
  }
};

}  // namespace mpad
