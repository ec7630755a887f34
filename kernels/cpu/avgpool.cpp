// SPDX-License-Identifier: MIT
#include "window_average.h"

namespace mpad::kernels {

template <>
void avgpool_forward(Cpu, const Sliding& s, bool count_padding, View x, View y) {
  average_forward(averages(s, count_padding), s.window.taps(), x, y);
}

template <>
void avgpool_backward(Cpu, const Sliding& s, bool count_padding, View grad_y, View grad_x) {
  average_backward(averages(s, count_padding), grad_y, grad_x);
}

}  // namespace mpad::kernels
