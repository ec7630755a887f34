// SPDX-License-Identifier: MIT
#include <mpad/core/dispatch.h>
#include <mpad/ops/slide_pool.h>

#include <kernels.h>

namespace mpad {

bool is_composed(const MaxPool2dOptions& options) {
  return options.forward == PoolForward::composed || options.test_forward == PoolForward::composed ||
         options.backward == PoolBackward::composed;
}

Tensor maxpool2d_ties(const Tensor& x, const MaxPool2dOptions& options) {
  const Sliding s = slide_pool("maxpool2d", x.shape(), x.dtype(), options, max_window);
  const Tensor y({s.n, s.oh, s.ow, s.c}, x.dtype(), x.device()),
      mask(y.shape(), mask_dtype(s.window.taps()), x.device());
  on(x.device(), [&](auto where) { kernels::maxpool_forward(where, s, x.view(), y.view(), mask.view()); });
  return mask;
}

Tensor maxpool2d(const Tensor& x, const MaxPool2dOptions& options) {
  const Sliding s = slide_pool("maxpool2d", x.shape(), x.dtype(), options, max_window);
  const bool composed_forward = options.forward == PoolForward::composed;
  const bool composed_backward = options.backward == PoolBackward::composed;
  const TieRule ties = options.backward == PoolBackward::standard ? TieRule::native() : options.ties;
  if (!composed_backward) with_finite_weights("maxpool2d", ties, options.accumulate, x.dtype());
  const double beta = composed_forward || composed_backward ? options.ties.beta() : 0;
  const Tensor y({s.n, s.oh, s.ow, s.c}, x.dtype(), x.device()),
      mask(y.shape(), mask_dtype(s.window.taps()), x.device());
  on(x.device(), [&](auto where) {
    if (composed_forward)
      kernels::maxpool_composed_forward(where, s, beta, x.view(), y.view(), mask.view());
    else
      kernels::maxpool_forward(where, s, x.view(), y.view(), mask.view());
  });
  record("maxpool2d", {x}, y,
         [s, ties, beta, composed_backward, accumulate = options.accumulate, mask](const Tensor& grad_y,
                                                                                   Gradients& gradients) {
           const Tensor& grad_x = gradients.into(0);
           // Over the reals what is composed is the rule.
           if (composed_backward && !gradients.choices().ties && !gradients.field())
             return on(grad_y.device(), [&](auto where) {
               kernels::maxpool_composed_backward(where, s, beta, grad_y.view(), mask.view(), grad_x.view());
             });
           const TieRule rule = rule_of(gradients, "maxpool2d", ties, accumulate, grad_y.dtype());
           where_rules_run(
               gradients, grad_y, mask, grad_x, [&](const Tensor& of_y, const Tensor& of_ties, const Tensor& of_x) {
                 on(of_y.device(), [&](auto where) {
                   kernels::maxpool_backward(where, s, rule, accumulate, of_y.view(), of_ties.view(), of_x.view());
                 });
               });
         });
  return y;
}

}  // namespace mpad
