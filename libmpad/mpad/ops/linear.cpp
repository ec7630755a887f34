// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/core/dispatch.h>
#include <mpad/ops.h>
#include <mpad/ops/common_device.h>
#include <mpad/ops/summation.h>
#include <mpad/ops/view_of.h>

#include <kernels.h>

namespace mpad {

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  require(weight.shape().rank() == 2, "linear: expected a weight of shape out,in, got {}", weight.shape());
  const std::int64_t out = weight.shape()[0], in = weight.shape()[1];
  require(x.shape().rank() == 2 && x.shape()[1] == in, "linear: expected an input of shape n,{}, got {}", in,
          x.shape());
  require(!bias || bias.shape() == Shape{out}, "linear: expected a bias of shape {}, got {}", out,
          bias ? bias.shape() : Shape{});
  require(is_real(x.dtype()) && x.dtype() == weight.dtype() && (!bias || x.dtype() == bias.dtype()),
          "linear: expected one real dtype, got input {} and weight {}", x.dtype(), weight.dtype());
  const Tensor y({x.shape()[0], out}, x.dtype(), common_device("linear", {x, weight, bias}));
  on(y.device(), [&](auto where) { kernels::linear_forward(where, x.view(), weight.view(), view_of(bias), y.view()); });
  record("linear", {x, weight, bias}, y,
         [x = x.detach(), weight = weight.detach()](const Tensor& grad_y, Gradients& gradients) {
           const Tensor saved_weight = gradients.saved(weight);
           const Terms terms = summed_terms(gradients, x, grad_y);
           on(grad_y.device(), [&](auto where) {
             if (gradients.wanted(1))
               kernels::linear_backward_weight(where, terms.x.view(), terms.grad_y.view(), gradients.into(1).view());
             if (gradients.wanted(2)) kernels::sum_rows(where, terms.grad_y.view(), gradients.into(2).view());
             if (gradients.wanted(0))
               kernels::linear_backward_data(where, grad_y.view(), saved_weight.view(), gradients.into(0).view());
           });
         });
  return y;
}

}  // namespace mpad
