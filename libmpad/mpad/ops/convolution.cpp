// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/core/dispatch.h>
#include <mpad/ops/common_device.h>
#include <mpad/ops/common_dtype.h>
#include <mpad/ops/convolution.h>
#include <mpad/ops/summation.h>

#include <kernels.h>

namespace mpad {
namespace {

Sliding check(const char* op, const Tensor& x, const Tensor& weight, const Tensor& bias, const Conv2dWindow& window) {
  const Shape& w = weight.shape();
  require(w.rank() == 4, "{}: expected a weight of shape k,r,s,c, got {}", op, w);
  const Sliding s = slide(op, {{w[1], w[2]}, window.stride, window.pad, window.dilation}, x.shape());
  require(s.c == w[3], "{}: expected an input of {} channels for weight {}, got {}", op, w[3], w, x.shape());
  require(!bias || bias.shape() == Shape{w[0]}, "{}: expected a bias of shape {}, got {}", op, w[0],
          bias ? bias.shape() : Shape{});
  check_common_dtype(op, x, weight, bias);
  return s;
}

}  // namespace

Convolution::Convolution(const char* op, const Tensor& of_x, const Tensor& of_weight, const Tensor& of_bias,
                         const Conv2dWindow& window)
    : x(of_x),
      weight(of_weight),
      bias(of_bias),
      sliding(check(op, x, weight, bias, window)),
      device(common_device(op, {x, weight, bias})) {}

void SavedConvolution::backward(const Tensor& grad_y, Gradients& gradients, bool has_bias) const {
  const Tensor of_weight = gradients.factor(weight);
  const Terms terms = summed_terms(gradients, x, grad_y);
  gradients.expect_sums_of(weight.numel() / sliding.c);
  on(grad_y.device(), [&](auto where) {
    if (gradients.wanted(1))
      kernels::conv2d_backward_weight(where, sliding, terms.x.view(), terms.grad_y.view(), gradients.into(1).view());
    if (gradients.wanted(2) && !has_bias) kernels::sum_rows(where, terms.grad_y.view(), gradients.into(2).view());
    if (gradients.wanted(0))
      kernels::conv2d_backward_data(where, sliding, grad_y.view(), of_weight.view(), gradients.into(0).view());
  });
}

void record_convolution(const Convolution& c, const Tensor& y) {
  record(
      "conv2d", {c.x, c.weight, c.bias}, y,
      [saved = SavedConvolution(c)](const Tensor& grad_y, Gradients& gradients) { saved.backward(grad_y, gradients); });
}

}  // namespace mpad
