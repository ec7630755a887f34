// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/core/dispatch.h>
#include <mpad/ops.h>
#include <mpad/ops/common_device.h>

#include <kernels.h>

#include <cmath>

namespace mpad {
namespace {

void check_channels(const char* name, const Tensor& tensor, std::int64_t channels) {
  require(tensor.shape() == Shape{channels}, "batch_norm: expected a {} of shape {}, got {}", name, channels,
          tensor.shape());
}

void check_parameter(const Tensor& x, const char* name, const Tensor& tensor, std::int64_t channels) {
  check_channels(name, tensor, channels);
  require(tensor.dtype() == x.dtype(), "batch_norm: expected a {} of {} as the input, got {}", name, x.dtype(),
          tensor.dtype());
}

void check_running(const Tensor& x, const char* name, const Tensor& tensor, std::int64_t channels) {
  if (!tensor) return;
  check_channels(name, tensor, channels);
  const DType wide = acc_dtype(x.dtype());
  require(tensor.dtype() == x.dtype() || tensor.dtype() == wide, "batch_norm: expected a {} of {}{}, got {}", name,
          x.dtype(), wide == x.dtype() ? " as the input" : fmt::format(" as the input or {}", wide), tensor.dtype());
}

std::int64_t check(const Tensor& x, const BatchNormOptions& o) {
  require(is_real(x.dtype()), "batch_norm: expected half, float or double, got {}", x.dtype());
  require(x.shape().rank() >= 2 && x.numel() > 0, "batch_norm: expected an input ...,c that is not empty, got {}",
          x.shape());
  const std::int64_t channels = x.shape()[x.shape().rank() - 1];
  require(!o.training || x.numel() > channels,
          "batch_norm: expected more than 1 value per channel when training, got an input of shape {}", x.shape());
  require(std::isfinite(o.momentum) && std::isfinite(o.epsilon) && o.epsilon >= 0,
          "batch_norm: expected a finite momentum and an epsilon of 0 or more, got {} and {}", o.momentum, o.epsilon);
  return channels;
}

View view_of(const Tensor& tensor) { return tensor ? tensor.view() : View{}; }

}  // namespace

Tensor batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, const Tensor& running_mean,
                  const Tensor& running_var, const BatchNormOptions& options) {
  // In one pass backward computes ReLU's input again, in double where it is asked to, which may change its sign.
  if (options.relu && keeps_choices()) {
    BatchNormOptions apart = options;
    apart.relu = false;
    return relu(batch_norm(x, gamma, beta, running_mean, running_var, apart), options.alpha);
  }
  const std::int64_t channels = check(x, options);
  check_parameter(x, "gamma", gamma, channels);
  check_parameter(x, "beta", beta, channels);
  require(options.training || (running_mean && running_var),
          "batch_norm: expected running statistics unless training, got none");
  check_running(x, "running_mean", running_mean, channels);
  check_running(x, "running_var", running_var, channels);
  if (running_mean && running_var)
    require(running_mean.dtype() == running_var.dtype(),
            "batch_norm: expected running statistics of one dtype, got {} and {}", running_mean.dtype(),
            running_var.dtype());
  const Device device = common_device("batch_norm", {x, gamma, beta, running_mean, running_var});
  const Tensor y = empty_like(x), mean({channels}, acc_dtype(x.dtype()), device), inv_std = empty_like(mean);
  on(device, [&](auto where) {
    if (options.training)
      kernels::batch_norm_statistics(where, options.epsilon, options.momentum, x.view(), mean.view(), inv_std.view(),
                                     view_of(running_mean), view_of(running_var));
    else
      kernels::batch_norm_running(where, options.epsilon, running_mean.view(), running_var.view(), mean.view(),
                                  inv_std.view());
    kernels::batch_norm_forward(where, {mean.view(), inv_std.view(), gamma.view(), beta.view(), options.relu}, x.view(),
                                y.view());
  });
  record("batch_norm", {x, gamma, beta}, y,
         [mean, inv_std, gamma = gamma.detach(), beta = beta.detach(), x = x.detach(), options](const Tensor& grad_y,
                                                                                                Gradients& gradients) {
           const auto into = [&](int i) { return gradients.wanted(i) ? gradients.into(i).view() : View{}; };
           const View grad_x = into(0), grad_gamma = into(1), grad_beta = into(2);
           const Tensor saved_x = gradients.saved(x), saved_mean = gradients.saved(mean),
                        saved_inv_std = gradients.saved(inv_std), saved_gamma = gradients.saved(gamma),
                        saved_beta = gradients.saved(beta);
           const kernels::BatchNorm norm{saved_mean.view(), saved_inv_std.view(), saved_gamma.view(),
                                         saved_beta.view(), options.relu,         options.alpha};
           on(grad_y.device(), [&](auto where) {
             kernels::batch_norm_backward(where, norm, options.training, saved_x.view(), grad_y.view(), grad_x,
                                          grad_gamma, grad_beta);
           });
         });
  return y;
}

}  // namespace mpad
