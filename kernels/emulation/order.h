// SPDX-License-Identifier: MIT
#pragma once
#include "settings.h"

#include <cstdint>

namespace mpad::emulation {

/// The i-th of n things to run in the given order. Random order is a permutation i -> a * i + b (mod n), a coprime to
/// n.
class Permutation {
 public:
  Permutation(Order order, std::uint64_t n);
  std::uint64_t operator()(std::uint64_t i) const { return (factor_ * i + offset_) % n_; }

 private:
  std::uint64_t n_, factor_ = 1, offset_ = 0;
};

}  // namespace mpad::emulation
