// SPDX-License-Identifier: MIT
#pragma once
#include "vector.cuh"

namespace mpad::kernels {

/// What becomes of sums: bias[column] is added (if there is one), ReLU follows (if asked for), and they are rounded
/// once. Rounding keeps the order, so ReLU of the rounded sum is the rounded ReLU.
template <class T>
struct Finish {
  const T* bias;
  bool relu = false;

  /// The sums of adjacent columns, of `n`.
  template <int run>
  __device__ Pack<T, run> operator()(Pack<acc_t<T>, run> sums, int column, int n) const {
    using A = acc_t<T>;
    Pack<T, run> finished;
#pragma unroll
    for (int e = 0; e < run; ++e) {
      A& sum = sums.element[e];
      if (bias != nullptr && column + e < n) sum += widen(bias[column + e]);
      finished.element[e] = narrow<T>(relu && sum <= A(0) ? A(0) : sum);
    }
    return finished;
  }
};

}  // namespace mpad::kernels
