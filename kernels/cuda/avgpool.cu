// SPDX-License-Identifier: MIT
#include "window_average.cuh"

namespace mpad::kernels {

template <>
void avgpool_forward(Cuda where, const Sliding& s, bool count_padding, View x, View y) {
  average_forward("avgpool", where, averages(s, count_padding), x, y);
}

template <>
void avgpool_backward(Cuda where, const Sliding& s, bool count_padding, View grad_y, View grad_x) {
  average_backward("avgpool_backward", where, averages(s, count_padding), grad_y, grad_x);
}

}  // namespace mpad::kernels
