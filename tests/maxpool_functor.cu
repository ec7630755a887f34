// SPDX-License-Identifier: MIT
#include <cuda/maxpool_backward.cuh>

#include "maxpool_functor.h"

namespace mpad::test {

void unpool_later(Cuda where, const Sliding& s, const Later& rule, View grad_y, View mask, View grad_x) {
  kernels::maxpool_backward_with<float, std::uint16_t>(where, s, rule, grad_y, mask, grad_x);
}

}  // namespace mpad::test
