// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/core/dispatch.h>
#include <mpad/ops.h>
#include <mpad/ops/slide_pool.h>
#include <mpad/residues.h>

#include <kernels.h>

namespace mpad {

Tensor avgpool2d(const Tensor& x, const AvgPool2dOptions& options) {
  const Sliding s = slide_pool("avgpool2d", x.shape(), x.dtype(), {options.window, options.stride, options.pad});
  const Tensor y({s.n, s.oh, s.ow, s.c}, x.dtype(), x.device());
  on(x.device(), [&](auto where) { kernels::avgpool_forward(where, s, options.count_padding, x.view(), y.view()); });
  record("avgpool2d", {x}, y, [s, count_padding = options.count_padding](const Tensor& grad_y, Gradients& gradients) {
    const Tensor& grad_x = gradients.into(0);
    const Tensor of_y = divisible(gradients.field(), averages(s, count_padding), grad_y);
    on(grad_y.device(),
       [&](auto where) { kernels::avgpool_backward(where, s, count_padding, of_y.view(), grad_x.view()); });
  });
  return y;
}

Tensor global_avgpool2d(const Tensor& x) {
  require(x.shape().rank() == 4 && x.shape()[1] > 0 && x.shape()[2] > 0,
          "global_avgpool2d: expected an input of shape n,h,w,c with h and w above 0, got {}", x.shape());
  return avgpool2d(x, {.window = {x.shape()[1], x.shape()[2]}});
}

}  // namespace mpad
