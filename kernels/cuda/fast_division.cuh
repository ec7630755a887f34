// SPDX-License-Identifier: MIT
// Division by a number that is known at the launch: a product and a shift.
#pragma once
#include "device.cuh"

#include <cstdint>

namespace mpad::kernels {

/// Quotient and remainder.
struct Divided {
  unsigned quotient, remainder;
};

/// Exact for dividends below 2^31; Granlund and Montgomery, PLDI 1994, figure 4.1.
class FastDivision {
 public:
  FastDivision() = default;
  /// 1 <= divisor <= 2^31.
  explicit FastDivision(std::int64_t divisor) : divisor_(static_cast<unsigned>(divisor)) {
    while (std::int64_t{1} << shift_ < divisor) ++shift_;
    const std::uint64_t d = divisor_;
    magic_ = static_cast<unsigned>((((std::uint64_t{1} << shift_) - d) << 32) / d + 1);
  }

  __host__ __device__ unsigned divisor() const { return divisor_; }
  __host__ __device__ unsigned quotient(unsigned x) const {
    return (static_cast<unsigned>(std::uint64_t{x} * magic_ >> 32) + x) >> shift_;
  }
  __host__ __device__ Divided divide(unsigned x) const {
    const unsigned q = quotient(x);
    return {q, x - q * divisor_};
  }

 private:
  unsigned divisor_ = 1, magic_ = 1, shift_ = 0;
};

}  // namespace mpad::kernels
