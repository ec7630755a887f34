// SPDX-License-Identifier: MIT
#pragma once
#include "device.cuh"

#include <bit>
#include <cstdint>

namespace mpad::kernels {

/// Quotients and remainders of 0 <= x < 2^63 by one number known to the host: a multiplication and a shift on the
/// device, where a 64-bit division is a subroutine. With l = ceil(log2 d) and m = ceil(2^(63+l) / d) < 2^64 the
/// quotient is floor(x * m / 2^(63+l)): m is off by less than 2^l / d, so the product by less than 1 / d (Granlund and
/// Montgomery, "Division by invariant integers using multiplication", PLDI 1994).
class Divisor {
 public:
  Divisor() = default;
  explicit Divisor(std::int64_t d) : d_(static_cast<std::uint64_t>(d)) {
    __extension__ typedef unsigned __int128 Wide;
    shift_ = static_cast<unsigned>(std::bit_width(d_ - 1));
    multiplier_ = static_cast<std::uint64_t>(((Wide{1} << (63 + shift_)) + d_ - 1) / d_);
  }

  __device__ std::int64_t quotient(std::int64_t x) const {
    return static_cast<std::int64_t>(__umul64hi(static_cast<std::uint64_t>(x) << 1, multiplier_) >> shift_);
  }
  __device__ std::int64_t remainder(std::int64_t x) const { return x - quotient(x) * static_cast<std::int64_t>(d_); }

 private:
  std::uint64_t d_ = 1, multiplier_ = std::uint64_t{1} << 63;
  unsigned shift_ = 0;
};

}  // namespace mpad::kernels
