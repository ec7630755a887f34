// SPDX-License-Identifier: MIT
#include <mpad/core/dispatch.h>
#include <mpad/ops/convolution.h>
#include <mpad/ops/view_of.h>

#include <kernels.h>

namespace mpad {

Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias, const Conv2dWindow& window) {
  const Convolution c("conv2d", x, weight, bias, window);
  const Tensor y(c.output(), x.dtype(), c.device);
  on(c.device, [&](auto where) {
    kernels::conv2d_forward(where, c.sliding, x.view(), weight.view(), view_of(bias), false, y.view());
  });
  record_convolution(c, y);
  return y;
}

}  // namespace mpad
