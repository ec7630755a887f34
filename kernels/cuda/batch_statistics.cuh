// SPDX-License-Identifier: MIT
// What batch normalisation makes of sums over the rows.
#pragma once
#include "vector.cuh"

#include <mpad/core/types.h>

#include <cmath>

namespace mpad::kernels {

/// 1 / sqrt(variance + epsilon).
template <class A>
__device__ inline A inverse_deviation(A variance, A epsilon) {
  return A(1) / std::sqrt(variance + epsilon);
}

/// A running statistic of T or acc_t<T>, or none.
template <class T>
struct Running {
  using A = acc_t<T>;
  void* data;
  bool is_wide;

  explicit Running(const View& view) : data(view.data), is_wide(view.dtype != dtype_of<T>) {}
  /// Becomes kept * itself + momentum * value.
  __device__ void update(std::int64_t c, A kept, A momentum, A value) const {
    if (data == nullptr) return;
    T* narrow_place = static_cast<T*>(data) + c;
    A* wide_place = static_cast<A*>(data) + c;
    const A old = is_wide ? *wide_place : widen(*narrow_place);
    const A updated = kept * old + momentum * value;
    if (is_wide)
      *wide_place = updated;
    else
      *narrow_place = narrow<T>(updated);
  }
};

/// Statistics of the columns of x, out of sums of differences from its first row and of their squares.
template <class T>
struct Statistics {
  using A = acc_t<T>;
  const T* x;
  A rows, epsilon, kept, momentum;  ///< kept: 1 - momentum
  A *mean, *inv_std;
  Running<T> running_mean, running_var;

  Statistics(const T* of_x, std::int64_t of_rows, double of_epsilon, double of_momentum, const View& to_mean,
             const View& to_inv_std, const View& of_running_mean, const View& of_running_var)
      : x(of_x),
        rows(static_cast<A>(of_rows)),
        epsilon(static_cast<A>(of_epsilon)),
        kept(static_cast<A>(1 - of_momentum)),
        momentum(static_cast<A>(of_momentum)),
        mean(to_mean.as<A>()),
        inv_std(to_inv_std.as<A>()),
        running_mean(of_running_mean),
        running_var(of_running_var) {}

  __device__ void operator()(std::int64_t c, A sum, A sum_of_squares) const {
    const A offset = sum / rows, rest = sum_of_squares - sum * offset;
    const A squares = rest < A(0) ? A(0) : rest;  // of differences from the mean; NaN stays
    mean[c] = widen(x[c]) + offset;
    inv_std[c] = inverse_deviation(squares / rows, epsilon);
    running_mean.update(c, kept, momentum, mean[c]);
    running_var.update(c, kept, momentum, squares / (rows - A(1)));
  }
};

}  // namespace mpad::kernels
