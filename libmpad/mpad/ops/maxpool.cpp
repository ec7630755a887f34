// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/ops.h>

#include <kernels.h>

namespace mpad {
namespace {

Sliding slide_pool(const Tensor& x, const MaxPool2dOptions& options) {
  require(is_real(x.dtype()), "maxpool2d: expected half, float or double, got {}", x.dtype());
  const Pair stride = options.stride == Pair(0) ? options.window : options.stride;
  const Sliding s =
      slide("maxpool2d", {options.window, stride, options.pad, options.dilation}, x.shape(), options.ceil_mode);
  require(s.window.taps() <= max_window, "maxpool2d: expected a window of at most {} elements, got {}", max_window,
          to_string(options.window));
  require(2 * options.pad.h <= options.window.h && 2 * options.pad.w <= options.window.w,
          "maxpool2d: expected a padding of at most half the window {}, got {}", to_string(options.window),
          to_string(options.pad));
  return s;
}

}  // namespace

Tensor maxpool2d_ties(const Tensor& x, const MaxPool2dOptions& options) {
  const Sliding s = slide_pool(x, options);
  const Tensor y({s.n, s.oh, s.ow, s.c}, x.dtype(), x.device()),
      mask(y.shape(), mask_dtype(s.window.taps()), x.device());
  on(x.device(), [&](auto where) { kernels::maxpool_forward(where, s, x.view(), y.view(), mask.view()); });
  return mask;
}

Tensor maxpool2d(const Tensor& x, const MaxPool2dOptions& options) {
  const Sliding s = slide_pool(x, options);
  const bool composed_forward = options.forward == PoolForward::composed;
  const bool composed_backward = options.backward == PoolBackward::composed;
  const double beta = composed_forward || composed_backward ? options.ties.beta() : 0;
  const Tensor y({s.n, s.oh, s.ow, s.c}, x.dtype(), x.device()),
      mask(y.shape(), mask_dtype(s.window.taps()), x.device());
  on(x.device(), [&](auto where) {
    if (composed_forward)
      kernels::maxpool_composed_forward(where, s, beta, x.view(), y.view(), mask.view());
    else
      kernels::maxpool_forward(where, s, x.view(), y.view(), mask.view());
  });
  const TieRule ties = options.backward == PoolBackward::standard ? TieRule::native() : options.ties;
  record("maxpool2d", {x}, y,
         [s, ties, beta, composed_backward, accumulate = options.accumulate, mask](const Tensor& grad_y,
                                                                                   Gradients& gradients) {
           const Tensor& grad_x = gradients.into(0);
           on(grad_y.device(), [&](auto where) {
             if (composed_backward)
               kernels::maxpool_composed_backward(where, s, beta, grad_y.view(), mask.view(), grad_x.view());
             else
               kernels::maxpool_backward(where, s, ties, accumulate, grad_y.view(), mask.view(), grad_x.view());
           });
         });
  return y;
}

}  // namespace mpad
