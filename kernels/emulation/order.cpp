// SPDX-License-Identifier: MIT
#include "order.h"

#include <algorithm>
#include <numeric>

namespace mpad::emulation {

Permutation::Permutation(Order order, std::uint64_t n) : n_(std::max<std::uint64_t>(n, 1)) {
  if (order == Order::reversed) factor_ = offset_ = n_ - 1;
  if (order != Order::random) return;
  factor_ = 7919;
  while (std::gcd(factor_, n_) != 1) ++factor_;
  offset_ = 12345 % n_;
  factor_ %= n_;
}

}  // namespace mpad::emulation
