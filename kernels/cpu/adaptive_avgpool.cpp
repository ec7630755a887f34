// SPDX-License-Identifier: MIT
#include "window_average.h"

namespace mpad::kernels {
namespace {

Pair extent(const View& images) { return {images.shape[1], images.shape[2]}; }

}  // namespace

template <>
void adaptive_avgpool_forward(Cpu, View x, View y) {
  const Pair from = extent(x), to = extent(y);
  average_forward(averages(from, to), (from.h / to.h + 1) * (from.w / to.w + 1), x, y);
}

template <>
void adaptive_avgpool_backward(Cpu, View grad_y, View grad_x) {
  average_backward(averages(extent(grad_x), extent(grad_y)), grad_y, grad_x);
}

}  // namespace mpad::kernels
