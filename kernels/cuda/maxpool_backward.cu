// SPDX-License-Identifier: MIT
#include "launch.cuh"

#include <kernels.h>

namespace mpad::kernels {

template <>
void maxpool_backward(Cuda, const Sliding&, const TieRule&, Accumulate, View, View, View) {
  throw Error("maxpool_backward: not there yet");
}

}  // namespace mpad::kernels
