// SPDX-License-Identifier: MIT
// What becomes of sums before they are stored.
#pragma once
#include "vector.cuh"

namespace mpad::kernels {

/// Adds data[column] (if there is data) and rounds once.
template <class T>
struct Bias {
  const T* data;

  /// What is added to the sums of adjacent columns below n.
  template <int run>
  __device__ Pack<acc_t<T>, run> added(int column, int n) const {
    Pack<acc_t<T>, run> values = {};
#pragma unroll
    for (int e = 0; e < run; ++e)
      if (data != nullptr && column + e < n) values.element[e] = widen(data[column + e]);
    return values;
  }
  /// Sums with what is added to them, and ReLU if asked for. Rounding keeps the order, so ReLU of the rounded sum is
  /// the rounded ReLU.
  template <bool relu, int run>
  __device__ Pack<T, run> rounded(Pack<acc_t<T>, run> sums, const Pack<acc_t<T>, run>& values) const {
    using A = acc_t<T>;
    Pack<T, run> results;
#pragma unroll
    for (int e = 0; e < run; ++e) {
      A& sum = sums.element[e];
      if (data != nullptr) sum += values.element[e];  // a 0 would change the sign of -0
      results.element[e] = narrow<T>(relu && sum <= A(0) ? A(0) : sum);
    }
    return results;
  }
  template <int run>
  __device__ Pack<T, run> operator()(const Pack<acc_t<T>, run>& sums, int column, int n) const {
    return rounded<false>(sums, added<run>(column, n));
  }
};

/// The same, and ReLU if asked for.
template <class T>
struct Finish {
  Bias<T> bias{};
  bool relu = false;

  template <int run>
  __device__ Pack<T, run> operator()(const Pack<acc_t<T>, run>& sums, int column, int n) const {
    const auto values = bias.template added<run>(column, n);
    return relu ? bias.template rounded<true>(sums, values) : bias.template rounded<false>(sums, values);
  }
};

/// Of no data too.
template <class T>
Bias<T> bias_of(const View& bias) {
  return {bias.data == nullptr ? nullptr : bias.as<const T>()};
}

}  // namespace mpad::kernels
