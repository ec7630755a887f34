// SPDX-License-Identifier: MIT
#include <mpad/core/dispatch.h>
#include <mpad/ops/behind_relu.h>
#include <mpad/ops/convolution.h>
#include <mpad/ops/pooled_relu.h>
#include <mpad/ops/view_of.h>

#include <kernels.h>

namespace mpad {

Tensor conv2d_relu_maxpool2d(const Tensor& x, const Tensor& weight, const Tensor& bias, const Conv2dWindow& window,
                             double alpha, const MaxPool2dOptions& options) {
  constexpr const char* op = "conv2d_relu_maxpool2d";
  // Passes that differ in choices part behind the convolution.
  if (keeps_choices()) return relu_maxpool2d(conv2d(x, weight, bias, window), alpha, options);
  const Convolution c(op, x, weight, bias, window);
  const PooledRelu pool(op, c.output(), x.dtype(), alpha, options);
  const Tensor y(pool.output(), x.dtype(), c.device), code(y.shape(), pool.code_dtype(), c.device);
  on(c.device, [&](auto where) {
    kernels::conv2d_relu_maxpool_forward(where, c.sliding, pool.sliding, x.view(), weight.view(), view_of(bias),
                                         y.view(), code.view());
  });
  record(op, {x, weight, bias}, y,
         [saved = SavedConvolution(c), pool, code](const Tensor& grad_y, Gradients& gradients) {
           const Tensor grad(pool.input(), grad_y.dtype(), grad_y.device());  // of the convolution's output
           const bool has_bias = sums_bias(gradients) && pool.at_zero(gradients) == 0;
           if (has_bias)
             pool.backward_with_bias(code, grad_y, gradients, grad, gradients.into(2));
           else
             pool.backward(code, grad_y, gradients, grad);
           saved.backward(grad, gradients, has_bias);
         });
  return y;
}

}  // namespace mpad
