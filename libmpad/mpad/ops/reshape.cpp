// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/ops.h>

namespace mpad {

Tensor reshape(const Tensor& x, const Shape& shape) {
  const Tensor y = x.reshaped(shape);
  record("reshape", {x}, y,
         [from = x.shape()](const Tensor& grad_y, Gradients& gradients) { gradients.set(0, grad_y.reshaped(from)); });
  return y;
}

Tensor flatten(const Tensor& x) {
  const Shape& shape = x.shape();
  require(shape.rank() >= 1, "flatten: expected an input of shape n,..., got {}", shape);
  std::int64_t features = 1;
  for (int axis = 1; axis < shape.rank(); ++axis) features *= shape[axis];
  return reshape(x, {shape[0], features});
}

}  // namespace mpad
