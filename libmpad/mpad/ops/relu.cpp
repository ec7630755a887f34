// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/core/dispatch.h>
#include <mpad/ops.h>

#include <kernels.h>

#include <cmath>

namespace mpad {

Tensor relu(const Tensor& x, double alpha) {
  require(is_real(x.dtype()), "relu: expected half, float or double, got {}", x.dtype());
  require(std::isfinite(alpha), "relu: expected a finite derivative at 0, got {}", alpha);
  const Tensor y = empty_like(x);
  on(x.device(), [&](auto where) { kernels::relu_forward(where, x.view(), y.view()); });
  // With alpha = 0 the output tells all, and the input need not be kept.
  const bool output_tells = alpha == 0 && !keeps_choices();
  record("relu", {x}, y, [alpha, kept = (output_tells ? y : x).detach()](const Tensor& grad_y, Gradients& gradients) {
    const Tensor saved = gradients.saved(kept);
    const double at_zero = gradients.choices().relu0.value_or(alpha);
    gradients.scale(0, grad_y, [&](const Tensor& from, const Tensor& to) {
      on(from.device(),
         [&](auto where) { kernels::relu_backward(where, at_zero, saved.view(), from.view(), to.view()); });
    });
  });
  return y;
}

}  // namespace mpad
