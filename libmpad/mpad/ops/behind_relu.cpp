// SPDX-License-Identifier: MIT
#include <mpad/core/dispatch.h>
#include <mpad/ops/behind_relu.h>

#include <kernels.h>

namespace mpad {

bool sums_bias(const Gradients& gradients) { return gradients.wanted(2) && !gradients.summation_order(); }

BehindRelu behind_relu(const Tensor& y, const Tensor& grad_y, Gradients& gradients) {
  const BehindRelu behind{empty_like(grad_y), sums_bias(gradients)};
  on(grad_y.device(), [&](auto where) {
    if (behind.has_bias)
      kernels::relu_backward_sum_rows(where, y.view(), grad_y.view(), behind.grad.view(), gradients.into(2).view());
    else
      kernels::relu_backward(where, 0, y.view(), grad_y.view(), behind.grad.view());
  });
  return behind;
}

}  // namespace mpad
