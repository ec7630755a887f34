// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/core/dispatch.h>
#include <mpad/ops.h>
#include <mpad/ops/common_device.h>
#include <mpad/ops/summation.h>

#include <kernels.h>

namespace mpad {

Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias, const Conv2dWindow& window) {
  const Shape& w = weight.shape();
  require(w.rank() == 4, "conv2d: expected a weight of shape k,r,s,c, got {}", w);
  const Sliding s = slide("conv2d", {{w[1], w[2]}, window.stride, window.pad, window.dilation}, x.shape());
  require(s.c == w[3], "conv2d: expected an input of {} channels for weight {}, got {}", w[3], w, x.shape());
  require(!bias || bias.shape() == Shape{w[0]}, "conv2d: expected a bias of shape {}, got {}", w[0],
          bias ? bias.shape() : Shape{});
  require(is_real(x.dtype()) && x.dtype() == weight.dtype() && (!bias || x.dtype() == bias.dtype()),
          "conv2d: expected one real dtype, got input {} and weight {}", x.dtype(), weight.dtype());
  const Tensor y({s.n, s.oh, s.ow, w[0]}, x.dtype(), common_device("conv2d", {x, weight, bias}));
  on(y.device(), [&](auto where) {
    kernels::conv2d_forward(where, s, x.view(), weight.view(), bias ? bias.view() : View{}, y.view());
  });
  record("conv2d", {x, weight, bias}, y,
         [s, x = x.detach(), weight = weight.detach()](const Tensor& grad_y, Gradients& gradients) {
           const Tensor saved_weight = gradients.saved(weight);
           const Terms terms = summed_terms(gradients, x, grad_y);
           on(grad_y.device(), [&](auto where) {
             if (gradients.wanted(1))
               kernels::conv2d_backward_weight(where, s, terms.x.view(), terms.grad_y.view(), gradients.into(1).view());
             if (gradients.wanted(2)) kernels::sum_rows(where, terms.grad_y.view(), gradients.into(2).view());
             if (gradients.wanted(0))
               kernels::conv2d_backward_data(where, s, grad_y.view(), saved_weight.view(), gradients.into(0).view());
           });
         });
  return y;
}

}  // namespace mpad
