// SPDX-License-Identifier: MIT
#include <mpad/core/dispatch.h>
#include <mpad/ops/convolution.h>
#include <mpad/ops/normalization.h>
#include <mpad/ops/view_of.h>

#include <kernels.h>

#include <array>

namespace mpad {

Tensor conv2d_batch_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, const Conv2dWindow& window,
                         const Tensor& gamma, const Tensor& beta, const Tensor& running_mean, const Tensor& running_var,
                         const BatchNormOptions& options, const Tensor& addend) {
  constexpr const char* op = "conv2d_batch_norm";
  if (!options.training)
    return batch_norm(conv2d(x, weight, bias, window), gamma, beta, running_mean, running_var, options, addend);
  const Convolution c(op, x, weight, bias, window);
  const Tensor between(c.output(), x.dtype(), c.device);
  // Two nodes, as of the operations one after the other: what backward needs is the same.
  check_recordable(op, std::array{x, weight, bias});
  Normalization norm(op, between, gamma, beta, running_mean, running_var, options, addend);
  on(c.device, [&](auto where) {
    kernels::conv2d_batch_norm_statistics(where, c.sliding, options.epsilon, options.momentum, x.view(), weight.view(),
                                          view_of(bias), between.view(), norm.mean.view(), norm.inv_std.view(),
                                          view_of(running_mean), view_of(running_var));
  });
  record_convolution(c, between);
  return norm.normalized();
}

}  // namespace mpad
