// SPDX-License-Identifier: MIT
#include <mpad/ops/linear_map.h>

namespace mpad {

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  const LinearMap map("linear", x, weight, bias);
  const Tensor y = map.forward(false);
  record("linear", {x, weight, bias}, y, [saved = SavedLinearMap(map)](const Tensor& grad_y, Gradients& gradients) {
    saved.backward(grad_y, gradients);
  });
  return y;
}

}  // namespace mpad
