// SPDX-License-Identifier: MIT
#include "maxpool_rules.h"

namespace mpad::kernels {

template <>
void maxpool_backward(Cpu, const Sliding& s, const TieRule& ties, Accumulate accumulate, View grad_y, View mask,
                      View grad_x) {
  with_type(grad_y.dtype, [&]<class T>() {
    with_mask_type(mask.dtype, [&]<class M>() {
      visit_sums<T, M>(ties, accumulate,
                       [&]<class A>(const auto& rule) { gather<T, M, A>(s, rule, grad_y, mask, grad_x); });
    });
  });
}

}  // namespace mpad::kernels
