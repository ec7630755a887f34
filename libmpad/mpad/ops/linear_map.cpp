// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/core/dispatch.h>
#include <mpad/ops/common_device.h>
#include <mpad/ops/common_dtype.h>
#include <mpad/ops/linear_map.h>
#include <mpad/ops/summation.h>
#include <mpad/ops/view_of.h>

#include <kernels.h>

namespace mpad {

LinearMap::LinearMap(const char* op, const Tensor& x, const Tensor& weight, const Tensor& bias)
    : x(x), weight(weight), bias(bias) {
  require(weight.shape().rank() == 2, "{}: expected a weight of shape out,in, got {}", op, weight.shape());
  const std::int64_t out = weight.shape()[0], in = weight.shape()[1];
  require(x.shape().rank() == 2 && x.shape()[1] == in, "{}: expected an input of shape n,{}, got {}", op, in,
          x.shape());
  require(!bias || bias.shape() == Shape{out}, "{}: expected a bias of shape {}, got {}", op, out,
          bias ? bias.shape() : Shape{});
  check_common_dtype(op, x, weight, bias);
  device = common_device(op, {x, weight, bias});
}

Tensor LinearMap::forward(bool relu) const {
  const Tensor y({x.shape()[0], weight.shape()[0]}, x.dtype(), device);
  on(device,
     [&](auto where) { kernels::linear_forward(where, x.view(), weight.view(), view_of(bias), relu, y.view()); });
  return y;
}

void SavedLinearMap::backward(const Tensor& grad_y, Gradients& gradients, bool has_bias) const {
  const Tensor of_weight = gradients.factor(weight);
  const Terms terms = summed_terms(gradients, x, grad_y);
  gradients.expect_sums_of(weight.shape()[0]);
  on(grad_y.device(), [&](auto where) {
    if (gradients.wanted(1))
      kernels::linear_backward_weight(where, terms.x.view(), terms.grad_y.view(), gradients.into(1).view());
    if (gradients.wanted(2) && !has_bias) kernels::sum_rows(where, terms.grad_y.view(), gradients.into(2).view());
    if (gradients.wanted(0))
      kernels::linear_backward_data(where, grad_y.view(), of_weight.view(), gradients.into(0).view());
  });
}

}  // namespace mpad
