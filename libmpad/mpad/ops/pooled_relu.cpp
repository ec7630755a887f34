// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/core/dispatch.h>
#include <mpad/ops/pooled_relu.h>
#include <mpad/ops/slide_pool.h>

#include <kernels.h>

#include <cmath>

namespace mpad {

PooledRelu::PooledRelu(const char* of_op, const Shape& x, DType dtype, double of_alpha, const MaxPool2dOptions& options)
    : op(of_op),
      sliding(slide_pool(op, x, dtype, options, max_window - 1)),
      ties(options.backward == PoolBackward::standard ? TieRule::native() : options.ties),
      accumulate(options.accumulate),
      alpha(of_alpha) {
  require(std::isfinite(alpha), "{}: expected a finite derivative at 0, got {}", op, alpha);
  require(options.forward != PoolForward::composed && options.backward != PoolBackward::composed,
          "{}: expected the exact forward and the fused or standard backward, got composed", op);
  with_finite_weights(op, ties, accumulate, dtype);
}

void PooledRelu::backward(const Tensor& code, const Tensor& grad_y, const Gradients& gradients,
                          const Tensor& grad_x) const {
  const TieRule rule = rule_of(gradients, op, ties, accumulate, grad_y.dtype());
  const double zero = gradients.factor(at_zero(gradients));
  where_rules_run(gradients, grad_y, code, grad_x, [&](const Tensor& of_y, const Tensor& of_code, const Tensor& of_x) {
    on(of_y.device(), [&](auto where) {
      kernels::relu_maxpool_backward(where, sliding, rule, accumulate, zero, of_y.view(), of_code.view(), of_x.view());
    });
  });
}

void PooledRelu::backward_with_bias(const Tensor& code, const Tensor& grad_y, const Gradients& gradients,
                                    const Tensor& grad_x, const Tensor& grad_bias) const {
  const TieRule rule = rule_of(gradients, op, ties, accumulate, grad_y.dtype());
  on(grad_y.device(), [&](auto where) {
    kernels::relu_maxpool_backward_sum_rows(where, sliding, rule, accumulate, grad_y.view(), code.view(), grad_x.view(),
                                            grad_bias.view());
  });
}

}  // namespace mpad
