// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/core/dispatch.h>
#include <mpad/ops.h>

#include <kernels.h>

namespace mpad {

Tensor cast(const Tensor& x, DType dtype) {
  require(is_real(x.dtype()) && is_real(dtype), "cast: expected half, float or double, got {} to {}", x.dtype(), dtype);
  if (x.dtype() == dtype) return x;
  const Tensor y(x.shape(), dtype, x.device());
  on(x.device(), [&](auto where) { kernels::cast(where, x.view(), y.view()); });
  record("cast", {x}, y, [](const Tensor& grad_y, Gradients& gradients) {
    on(grad_y.device(), [&](auto where) { kernels::cast(where, grad_y.view(), gradients.into(0).view()); });
  });
  return y;
}

}  // namespace mpad
