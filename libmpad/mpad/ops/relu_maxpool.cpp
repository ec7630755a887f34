// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/core/dispatch.h>
#include <mpad/ops/slide_pool.h>

#include <kernels.h>
#include <cmath>

namespace mpad {

Tensor relu_maxpool2d(const Tensor& x, double alpha, const MaxPool2dOptions& options) {
  const Sliding s = slide_pool("relu_maxpool2d", x, options, max_window - 1);
  require(std::isfinite(alpha), "relu_maxpool2d: expected a finite derivative at 0, got {}", alpha);
  require(options.forward != PoolForward::composed && options.backward != PoolBackward::composed,
          "relu_maxpool2d: expected the exact forward and the fused or standard backward, got composed");
  const Tensor y({s.n, s.oh, s.ow, s.c}, x.dtype(), x.device());
  const Tensor code(y.shape(), mask_dtype(s.window.taps() + 1), x.device());
  on(x.device(), [&](auto where) { kernels::relu_maxpool_forward(where, s, x.view(), y.view(), code.view()); });
  const TieRule ties = options.backward == PoolBackward::standard ? TieRule::native() : options.ties;
  record("relu_maxpool2d", {x}, y,
         [s, ties, accumulate = options.accumulate, alpha, code](const Tensor& grad_y, Gradients& gradients) {
           const Tensor& grad_x = gradients.into(0);
           const Choices& choices = gradients.choices();
           on(grad_y.device(), [&](auto where) {
             kernels::relu_maxpool_backward(where, s, choices.ties ? *choices.ties : ties, accumulate,
                                            choices.relu0.value_or(alpha), grad_y.view(), code.view(), grad_x.view());
           });
         });
  return y;
}

}  // namespace mpad
