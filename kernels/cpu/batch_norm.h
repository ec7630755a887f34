// SPDX-License-Identifier: MIT
#pragma once
#include "wide_rows.h"

#include <type_traits>

namespace mpad::kernels {
namespace {

/// Room for arrays of the width of a wide row, in this thread's scratch memory.
template <class A>
A* scratch_columns(const WideRows& wide, std::int64_t arrays) {
  return scratch<A>(Scratch::weights, arrays * wide.width());
}

/// What BatchNorm says, repeated across a wide row: an affine function of x for each column.
template <class T>
struct Normalize {
  using A = acc_t<T>;
  static constexpr int arrays = 3;
  A *mean, *scale, *beta;

  /// Fills `arrays` arrays at `room`.
  Normalize(const BatchNorm& norm, const WideRows& wide, A* room)
      : mean(room), scale(room + wide.width()), beta(room + 2 * wide.width()) {
    const A *mu = norm.mean.as<const A>(), *inv_std = norm.inv_std.as<const A>();
    const auto *factor = lanes(norm.gamma.as<const T>()), *shift = lanes(norm.beta.as<const T>());
    wide.repeat(mean, [=](std::int64_t c) { return mu[c]; });
    wide.repeat(scale, [=](std::int64_t c) { return widen(factor[c]) * inv_std[c]; });
    wide.repeat(beta, [=](std::int64_t c) { return widen(shift[c]); });
  }

  /// Not rounded to T yet.
  MPAD_INLINE A operator()(A x, std::int64_t column) const { return (x - mean[column]) * scale[column] + beta[column]; }
};

/// Calls f(std::bool_constant<value>).
template <class F>
void with_bool(bool value, const F& f) {
  if (value)
    f(std::true_type());
  else
    f(std::false_type());
}

}  // namespace
}  // namespace mpad::kernels
