// SPDX-License-Identifier: MIT
// The gradient of a Euclidean norm, on every device. Internal linkage: cpu/isa.h says why.
#pragma once
#include <mpad/core/types.h>

namespace mpad::kernels {
namespace {

/// What element x of a window with this norm gets of the window's gradient.
template <class A>
[[gnu::always_inline]] MPAD_HD inline A norm_share(A x, A norm, A grad, A at_zero) {
  const A tied = at_zero == A(0) ? A(0) : at_zero * grad;  // 0 * inf must not make NaN
  return norm == A(0) ? tied : x / norm * grad;
}

}  // namespace
}  // namespace mpad::kernels
