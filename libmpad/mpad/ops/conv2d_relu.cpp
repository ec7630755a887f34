// SPDX-License-Identifier: MIT
#include <mpad/core/dispatch.h>
#include <mpad/ops/behind_relu.h>
#include <mpad/ops/convolution.h>
#include <mpad/ops/view_of.h>

#include <kernels.h>

namespace mpad {

Tensor conv2d_relu(const Tensor& x, const Tensor& weight, const Tensor& bias, const Conv2dWindow& window,
                   double alpha) {
  // The output tells where the convolution's is positive, not where it is 0, which other derivatives want to know.
  if (alpha != 0 || keeps_choices()) return relu(conv2d(x, weight, bias, window), alpha);
  const Convolution c("conv2d_relu", x, weight, bias, window);
  const Tensor y(c.output(), x.dtype(), c.device);
  on(c.device, [&](auto where) {
    kernels::conv2d_forward(where, c.sliding, x.view(), weight.view(), view_of(bias), true, y.view());
  });
  record_with_relu("conv2d_relu", c, SavedConvolution(c), y);
  return y;
}

}  // namespace mpad
