// SPDX-License-Identifier: MIT
#pragma once
#include "vector.cuh"

namespace mpad::kernels {

/// Where an element of an operand is in global memory, if it is there; if not, it is zero, and the place may be any.
template <class T>
struct Located {
  const T* place;
  bool there;

  __device__ T value() const { return there ? *place : narrow<T>(acc_t<T>(0)); }
};

}  // namespace mpad::kernels
