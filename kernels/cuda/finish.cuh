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

  /// What is added to the sums of adjacent columns below n.
  template <int run>
  __device__ Pack<acc_t<T>, run> added(int column, int n) const {
    Pack<acc_t<T>, run> values = {};
#pragma unroll
    for (int e = 0; e < run; ++e)
      if (bias != nullptr && column + e < n) values.element[e] = widen(bias[column + e]);
    return values;
  }
  /// Their sums, with what is added to them.
  template <int run>
  __device__ Pack<T, run> operator()(Pack<acc_t<T>, run> sums, const Pack<acc_t<T>, run>& values) const {
    return relu ? finished<true>(sums, values) : finished<false>(sums, values);
  }
  template <int run>
  __device__ Pack<T, run> operator()(const Pack<acc_t<T>, run>& sums, int column, int n) const {
    return (*this)(sums, added<run>(column, n));
  }
  /// The same, for what asks once whether there is a ReLU.
  template <bool with_relu, int run>
  __device__ Pack<T, run> finished(Pack<acc_t<T>, run> sums, const Pack<acc_t<T>, run>& values) const {
    using A = acc_t<T>;
    Pack<T, run> rounded;
#pragma unroll
    for (int e = 0; e < run; ++e) {
      A& sum = sums.element[e];
      if (bias != nullptr) sum += values.element[e];  // a 0 would change the sign of -0
      rounded.element[e] = narrow<T>(with_relu && sum <= A(0) ? A(0) : sum);
    }
    return rounded;
  }
};

}  // namespace mpad::kernels
