// SPDX-License-Identifier: MIT
#pragma once
#include "device.cuh"

namespace mpad::kernels {

/// ReLU's backward at one element: grad where value > 0 (or NaN), at_zero * grad where it is 0, else 0.
template <class A>
__device__ inline A relu_gradient(A value, A grad, A at_zero) {
  const A tied = at_zero == A(0) ? A(0) : at_zero * grad;  // 0 * inf must not make NaN
  return value < A(0) ? A(0) : value == A(0) ? tied : grad;
}

}  // namespace mpad::kernels
