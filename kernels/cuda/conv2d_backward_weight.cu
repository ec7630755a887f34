// SPDX-License-Identifier: MIT
#include "launch.cuh"

#include <kernels.h>

namespace mpad::kernels {

template <>
void conv2d_backward_weight(Cuda, const Sliding&, View, View, View) {
  throw Error("conv2d_backward_weight: not there yet");
}

}  // namespace mpad::kernels
