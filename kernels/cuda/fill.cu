// SPDX-License-Identifier: MIT
#include "launch.cuh"

#include <kernels.h>

namespace mpad::kernels {

template <>
void zero(Cuda, View) {
  throw Error("fill: not there yet");
}
template <>
void fill(Cuda, View, double) {
  throw Error("fill: not there yet");
}
template <>
void cast(Cuda, View, View) {
  throw Error("fill: not there yet");
}
template <>
void fill_uniform(Cuda, View, double, double, std::uint64_t, std::uint64_t) {
  throw Error("fill: not there yet");
}
template <>
void fill_normal(Cuda, View, double, double, std::uint64_t, std::uint64_t) {
  throw Error("fill: not there yet");
}

}  // namespace mpad::kernels
