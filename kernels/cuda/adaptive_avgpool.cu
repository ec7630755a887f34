// SPDX-License-Identifier: MIT
#include "window_average.cuh"

namespace mpad::kernels {

template <>
void adaptive_avgpool_forward(Cuda where, View x, View y) {
  average_forward("adaptive_avgpool", where, averages(extent(x), extent(y)), x, y);
}

template <>
void adaptive_avgpool_backward(Cuda where, View grad_y, View grad_x) {
  average_backward("adaptive_avgpool_backward", where, averages(extent(grad_x), extent(grad_y)), grad_y, grad_x);
}

}  // namespace mpad::kernels
