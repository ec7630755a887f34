// SPDX-License-Identifier: MIT
#include "maxpool_backward.cuh"

#include <kernels.h>

namespace mpad::kernels {

template <>
void maxpool_backward(Cuda where, const Sliding& s, const TieRule& ties, Accumulate accumulate, View grad_y, View mask,
                      View grad_x) {
  with_type(grad_y.dtype, [&]<class T>() {
    with_mask_type(mask.dtype, [&]<class M>() {
      with_sum_type<T>(accumulate, [&]<class A>() {
        gather<T, M, PoolSum<T, A>>({"maxpool_backward", where, s, grad_y, mask, grad_x}, ties,
                                    [](const auto& rule) { return rule; });
      });
    });
  });
}

}  // namespace mpad::kernels
