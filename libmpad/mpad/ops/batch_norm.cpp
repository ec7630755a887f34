// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/core/dispatch.h>
#include <mpad/ops/common_device.h>
#include <mpad/ops/normalization.h>
#include <mpad/ops/view_of.h>

#include <kernels.h>

#include <cmath>

namespace mpad {
namespace {

void check_channels(const char* op, const char* name, const Tensor& tensor, std::int64_t channels) {
  require(tensor.shape() == Shape{channels}, "{}: expected a {} of shape {}, got {}", op, name, channels,
          tensor.shape());
}

void check_parameter(const char* op, const Tensor& x, const char* name, const Tensor& tensor, std::int64_t channels) {
  check_channels(op, name, tensor, channels);
  require(tensor.dtype() == x.dtype(), "{}: expected a {} of {} as the input, got {}", op, name, x.dtype(),
          tensor.dtype());
}

void check_running(const char* op, const Tensor& x, const char* name, const Tensor& tensor, std::int64_t channels) {
  if (!tensor) return;
  check_channels(op, name, tensor, channels);
  const DType wide = acc_dtype(x.dtype());
  require(tensor.dtype() == x.dtype() || tensor.dtype() == wide, "{}: expected a {} of {}{}, got {}", op, name,
          x.dtype(), wide == x.dtype() ? " as the input" : fmt::format(" as the input or {}", wide), tensor.dtype());
}

void check_input(const char* op, const Tensor& x, const BatchNormOptions& o) {
  require(is_real(x.dtype()), "{}: expected half, float or double, got {}", op, x.dtype());
  require(x.shape().rank() >= 2 && x.numel() > 0, "{}: expected an input ...,c that is not empty, got {}", op,
          x.shape());
  require(!o.training || x.numel() > x.shape()[x.shape().rank() - 1],
          "{}: expected more than 1 value per channel when training, got an input of shape {}", op, x.shape());
  require(std::isfinite(o.momentum) && std::isfinite(o.epsilon) && o.epsilon >= 0,
          "{}: expected a finite momentum and an epsilon of 0 or more, got {} and {}", op, o.momentum, o.epsilon);
}

Device check(const char* op, const Normalization& n) {
  check_input(op, n.x, n.options);
  const std::int64_t channels = n.x.shape()[n.x.shape().rank() - 1];
  check_parameter(op, n.x, "gamma", n.gamma, channels);
  check_parameter(op, n.x, "beta", n.beta, channels);
  require(n.options.training || (n.running_mean && n.running_var),
          "{}: expected running statistics unless training, got none", op);
  check_running(op, n.x, "running_mean", n.running_mean, channels);
  check_running(op, n.x, "running_var", n.running_var, channels);
  if (n.running_mean && n.running_var)
    require(n.running_mean.dtype() == n.running_var.dtype(),
            "{}: expected running statistics of one dtype, got {} and {}", op, n.running_mean.dtype(),
            n.running_var.dtype());
  return common_device(op, {n.x, n.gamma, n.beta, n.running_mean, n.running_var});
}

}  // namespace

Normalization::Normalization(const char* op, const Tensor& of_x, const Tensor& of_gamma, const Tensor& of_beta,
                             const Tensor& of_running_mean, const Tensor& of_running_var,
                             const BatchNormOptions& with_options)
    : x(of_x),
      gamma(of_gamma),
      beta(of_beta),
      running_mean(of_running_mean),
      running_var(of_running_var),
      options(with_options),
      device(check(op, *this)) {
  mean = Tensor(gamma.shape(), acc_dtype(x.dtype()), device);
  inv_std = empty_like(mean);
}

Tensor Normalization::normalized() const {
  const Tensor y = empty_like(x);
  on(device, [&](auto where) {
    kernels::batch_norm_forward(where, {mean.view(), inv_std.view(), gamma.view(), beta.view(), options.relu}, x.view(),
                                y.view());
  });
  record("batch_norm", {x, gamma, beta}, y,
         [mean = mean, inv_std = inv_std, gamma = gamma.detach(), beta = beta.detach(), x = x.detach(),
          options = options](const Tensor& grad_y, Gradients& gradients) {
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

bool has_relu_apart(const BatchNormOptions& options) { return options.relu && keeps_choices(); }

Tensor batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, const Tensor& running_mean,
                  const Tensor& running_var, const BatchNormOptions& options) {
  if (has_relu_apart(options))
    return relu(batch_norm(x, gamma, beta, running_mean, running_var, without_relu(options)), options.alpha);
  const Normalization norm("batch_norm", x, gamma, beta, running_mean, running_var, options);
  on(norm.device, [&](auto where) {
    if (options.training)
      kernels::batch_norm_statistics(where, options.epsilon, options.momentum, x.view(), norm.mean.view(),
                                     norm.inv_std.view(), view_of(running_mean), view_of(running_var));
    else
      kernels::batch_norm_running(where, options.epsilon, running_mean.view(), running_var.view(), norm.mean.view(),
                                  norm.inv_std.view());
  });
  return norm.normalized();
}

}  // namespace mpad
