// SPDX-License-Identifier: MIT
#include "launch.cuh"

#include <kernels.h>

namespace mpad::kernels {

template <>
void cross_entropy_forward(Cuda, View, View, View) {
  throw Error("cross_entropy: not there yet");
}
template <>
void cross_entropy_backward(Cuda, View, View, View, View) {
  throw Error("cross_entropy: not there yet");
}
template <>
void count_correct(Cuda, View, View, View) {
  throw Error("cross_entropy: not there yet");
}

}  // namespace mpad::kernels
