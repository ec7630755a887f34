// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/ops.h>

#include <kernels.h>

namespace mpad {

Tensor avgpool2d(const Tensor& x, const AvgPool2dOptions& options) {
  require(is_real(x.dtype()), "avgpool2d: expected half, float or double, got {}", x.dtype());
  const Pair stride = options.stride == Pair(0) ? options.window : options.stride;
  const Sliding s = slide("avgpool2d", {options.window, stride, options.pad}, x.shape());
  require(2 * options.pad.h <= options.window.h && 2 * options.pad.w <= options.window.w,
          "avgpool2d: expected a padding of at most half the window {}, got {}", to_string(options.window),
          to_string(options.pad));
  const Tensor y({s.n, s.oh, s.ow, s.c}, x.dtype(), x.device());
  on(x.device(), [&](auto where) { kernels::avgpool_forward(where, s, options.count_padding, x.view(), y.view()); });
  record("avgpool2d", {x}, y, [s, count_padding = options.count_padding](const Tensor& grad_y, Gradients& gradients) {
    const Tensor& grad_x = gradients.into(0);
    on(grad_y.device(),
       [&](auto where) { kernels::avgpool_backward(where, s, count_padding, grad_y.view(), grad_x.view()); });
  });
  return y;
}

Tensor global_avgpool2d(const Tensor& x) {
  require(x.shape().rank() == 4 && x.shape()[1] > 0 && x.shape()[2] > 0,
          "global_avgpool2d: expected an input of shape n,h,w,c with h and w above 0, got {}", x.shape());
  return avgpool2d(x, {.window = {x.shape()[1], x.shape()[2]}});
}

}  // namespace mpad
