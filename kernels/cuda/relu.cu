// SPDX-License-Identifier: MIT
#include "launch.cuh"

#include <kernels.h>

namespace mpad::kernels {

template <>
void relu_forward(Cuda, View, View) {
  throw Error("relu: not there yet");
}
template <>
void relu_backward(Cuda, double, View, View, View) {
  throw Error("relu: not there yet");
}

}  // namespace mpad::kernels
