// SPDX-License-Identifier: MIT
#pragma once
#include "simd.h"

namespace mpad::kernels {
namespace {

/// ReLU's backward at one element: grad where value > 0 (or NaN), `tied` where it is 0, else 0. Values up to
/// `most_for_zero`, of both signs, are 0.
template <class A>
MPAD_INLINE A relu_gradient(A value, A grad, A tied, A most_for_zero = 0) {
  return value < -most_for_zero ? A(0) : value <= most_for_zero ? tied : grad;
}

}  // namespace
}  // namespace mpad::kernels
