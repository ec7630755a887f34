// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/core/dispatch.h>
#include <mpad/ops.h>
#include <mpad/ops/common_device.h>

#include <kernels.h>

namespace mpad {
namespace {

Device check(const char* op, const Tensor& a, const Tensor& b) {
  require(a.shape() == b.shape() && a.dtype() == b.dtype(), "{}: expected two tensors alike, got {} {} and {} {}", op,
          to_string(a.dtype()), a.shape(), to_string(b.dtype()), b.shape());
  require(is_real(a.dtype()), "{}: expected half, float or double, got {}", op, a.dtype());
  return common_device(op, {a, b});
}

// Both terms have the gradient of their sum.
void set_both(const Tensor& gradient, Gradients& gradients) {
  for (int i : {0, 1})
    if (gradients.wanted(i)) gradients.set(i, gradient);
}

}  // namespace

Tensor add(const Tensor& a, const Tensor& b) {
  const Device device = check("add", a, b);
  const Tensor y = empty_like(a);
  on(device, [&](auto where) { kernels::add(where, a.view(), b.view(), y.view()); });
  record("add", {a, b}, y, set_both);
  return y;
}

Tensor add_relu(const Tensor& a, const Tensor& b, double alpha) {
  // The output tells where the sum is positive, not where it is 0, which other derivatives want to know.
  if (alpha != 0 || keeps_choices()) return relu(add(a, b), alpha);
  const Device device = check("add_relu", a, b);
  const Tensor y = empty_like(a);
  on(device, [&](auto where) { kernels::add_relu(where, a.view(), b.view(), y.view()); });
  record("add_relu", {a, b}, y, [y = y.detach()](const Tensor& grad_y, Gradients& gradients) {
    const Tensor grad = empty_like(grad_y);
    on(grad_y.device(), [&](auto where) { kernels::relu_backward(where, 0, y.view(), grad_y.view(), grad.view()); });
    set_both(grad, gradients);
  });
  return y;
}

}  // namespace mpad
