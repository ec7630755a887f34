// SPDX-License-Identifier: MIT
#include "launch.cuh"

#include <kernels.h>

namespace mpad::kernels {

template <>
void gather_images(Cuda, View, View, View, View) {
  throw Error("images: not there yet");
}
template <>
void gather_labels(Cuda, View, View, View) {
  throw Error("images: not there yet");
}

}  // namespace mpad::kernels
