// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/core/dispatch.h>
#include <mpad/ops/pooled_relu.h>
#include <mpad/ops/slide_pool.h>

#include <kernels.h>

#include <cmath>

namespace mpad {

PooledRelu::PooledRelu(const char* op, const Shape& x, DType dtype, double of_alpha, const MaxPool2dOptions& options)
    : sliding(slide_pool(op, x, dtype, options, max_window - 1)),
      ties(options.backward == PoolBackward::standard ? TieRule::native() : options.ties),
      accumulate(options.accumulate),
      alpha(of_alpha) {
  require(std::isfinite(alpha), "{}: expected a finite derivative at 0, got {}", op, alpha);
  require(options.forward != PoolForward::composed && options.backward != PoolBackward::composed,
          "{}: expected the exact forward and the fused or standard backward, got composed", op);
}

void PooledRelu::backward(const Tensor& code, const Tensor& grad_y, const Choices& choices,
                          const Tensor& grad_x) const {
  on(grad_y.device(), [&](auto where) {
    kernels::relu_maxpool_backward(where, sliding, choices.ties.value_or(ties), accumulate,
                                   choices.relu0.value_or(alpha), grad_y.view(), code.view(), grad_x.view());
  });
}

void PooledRelu::backward_with_bias(const Tensor& code, const Tensor& grad_y, const Choices& choices,
                                    const Tensor& grad_x, const Tensor& grad_bias) const {
  on(grad_y.device(), [&](auto where) {
    kernels::relu_maxpool_backward_sum_rows(where, sliding, choices.ties.value_or(ties), accumulate, grad_y.view(),
                                            code.view(), grad_x.view(), grad_bias.view());
  });
}

}  // namespace mpad
