// SPDX-License-Identifier: MIT
#include "isa.h"

namespace mpad::kernels {

template <>
void conv2d_batch_norm_statistics(Cpu where, const Sliding& s, double epsilon, double momentum, View x, View weight,
                                  View bias, View y, View mean, View inv_std, View running_mean, View running_var) {
  conv2d_forward(where, s, x, weight, bias, false, y);
  batch_norm_statistics(where, epsilon, momentum, y, mean, inv_std, running_mean, running_var);
}

}  // namespace mpad::kernels
