// SPDX-License-Identifier: MIT
#include "maxpool_forward.cuh"
#include "relu_maxpool.cuh"

#include <kernels.h>

namespace mpad::kernels {

template <>
void relu_maxpool_forward(Cuda where, const Sliding& s, View x, View y, View code) {
  const ReluMaximum ending{static_cast<int>(s.window.taps())};
  with_type(x.dtype, [&]<class T>() {
    with_mask_type(code.dtype, [&]<class M>() { slide_over<T, M>("relu_maxpool", where, s, ending, x, y, code); });
  });
}

}  // namespace mpad::kernels
