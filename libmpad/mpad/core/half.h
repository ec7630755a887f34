// SPDX-License-Identifier: MIT
// Arithmetic on half for host sources.
#pragma once
#include <mpad/core/rounding.h>

#include <Eigen/Core>

namespace mpad {

/// `value` rounded once to nearest even. Eigen's conversion of a double to half rounds twice, by way of float.
template <class T>
[[gnu::always_inline]] inline T round_to(double value) {
  return static_cast<T>(before_store<T>(value));
}

}  // namespace mpad
