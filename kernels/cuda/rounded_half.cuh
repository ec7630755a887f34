// SPDX-License-Identifier: MIT
#pragma once
#include "vector.cuh"

namespace mpad::kernels {

/// A half to compute with, in host and device code: each operation in float, rounded to half.
class RoundedHalf {
 public:
  RoundedHalf() = default;  // uninitialised
  template <class Number>
  __host__ __device__ explicit RoundedHalf(Number x) : value_(rounded<half>(static_cast<float>(x))) {}
  __host__ __device__ explicit operator float() const { return value_; }

  friend __host__ __device__ RoundedHalf operator+(RoundedHalf a, RoundedHalf b) {
    return RoundedHalf(a.value_ + b.value_);
  }
  friend __host__ __device__ RoundedHalf operator-(RoundedHalf a, RoundedHalf b) {
    return RoundedHalf(a.value_ - b.value_);
  }
  friend __host__ __device__ RoundedHalf operator*(RoundedHalf a, RoundedHalf b) {
    return RoundedHalf(a.value_ * b.value_);
  }
  friend __host__ __device__ RoundedHalf operator/(RoundedHalf a, RoundedHalf b) {
    return RoundedHalf(a.value_ / b.value_);
  }
  friend __host__ __device__ bool operator==(RoundedHalf a, RoundedHalf b) { return a.value_ == b.value_; }

 private:
  float value_;
};

}  // namespace mpad::kernels
