// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/core/dispatch.h>
#include <mpad/ops.h>
#include <mpad/ops/slide_pool.h>

#include <kernels.h>

#include <cmath>

namespace mpad {

Tensor normpool2d(const Tensor& x, const NormPool2dOptions& options) {
  require(std::isfinite(options.at_zero), "normpool2d: expected a finite derivative at 0, got {}", options.at_zero);
  const Sliding s = slide_pool("normpool2d", x.shape(), x.dtype(), {options.window, options.stride, options.pad});
  const Tensor y({s.n, s.oh, s.ow, s.c}, x.dtype(), x.device());
  on(x.device(), [&](auto where) { kernels::normpool_forward(where, s, x.view(), y.view()); });
  record("normpool2d", {x}, y,
         [s, at_zero = options.at_zero, x = x.detach(), y = y.detach()](const Tensor& grad_y, Gradients& gradients) {
           const Tensor& grad_x = gradients.into(0);
           const Tensor saved_x = gradients.saved(x), saved_y = gradients.saved(y);
           on(grad_y.device(), [&](auto where) {
             kernels::normpool_backward(where, s, gradients.choices().norm_at_zero.value_or(at_zero), saved_x.view(),
                                        saved_y.view(), grad_y.view(), grad_x.view());
           });
         });
  return y;
}

}  // namespace mpad
