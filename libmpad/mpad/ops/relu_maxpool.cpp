// SPDX-License-Identifier: MIT
#include <mpad/core/dispatch.h>
#include <mpad/ops/pooled_relu.h>

#include <kernels.h>

namespace mpad {

Tensor relu_maxpool2d(const Tensor& x, double alpha, const MaxPool2dOptions& options) {
  const PooledRelu pool("relu_maxpool2d", x.shape(), x.dtype(), alpha, options);
  const Tensor y(pool.output(), x.dtype(), x.device()), code(y.shape(), pool.code_dtype(), x.device());
  on(x.device(),
     [&](auto where) { kernels::relu_maxpool_forward(where, pool.sliding, x.view(), y.view(), code.view()); });
  record("relu_maxpool2d", {x}, y, [pool, code](const Tensor& grad_y, Gradients& gradients) {
    const Tensor& grad_x = gradients.into(0);
    pool.backward(code, grad_y, gradients, grad_x);
  });
  return y;
}

}  // namespace mpad
