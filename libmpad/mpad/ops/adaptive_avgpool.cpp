// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/core/dispatch.h>
#include <mpad/ops.h>
#include <mpad/residues.h>

#include <kernels.h>

namespace mpad {

Tensor adaptive_avgpool2d(const Tensor& x, Pair size) {
  const Shape& from = x.shape();
  require(is_real(x.dtype()), "adaptive_avgpool2d: expected half, float or double, got {}", x.dtype());
  require(from.rank() == 4 && from[1] > 0 && from[2] > 0,
          "adaptive_avgpool2d: expected an input of shape n,h,w,c with h and w above 0, got {}", from);
  require(size.h > 0 && size.w > 0, "adaptive_avgpool2d: expected an output of 1x1 or more, got {}", to_string(size));
  const Tensor y({from[0], size.h, size.w, from[3]}, x.dtype(), x.device());
  on(x.device(), [&](auto where) { kernels::adaptive_avgpool_forward(where, x.view(), y.view()); });
  record("adaptive_avgpool2d", {x}, y,
         [windows = averages({from[1], from[2]}, size)](const Tensor& grad_y, Gradients& gradients) {
           const Tensor& grad_x = gradients.into(0);
           const Tensor of_y = divisible(gradients.field(), windows, grad_y);
           on(grad_y.device(),
              [&](auto where) { kernels::adaptive_avgpool_backward(where, of_y.view(), grad_x.view()); });
         });
  return y;
}

}  // namespace mpad
