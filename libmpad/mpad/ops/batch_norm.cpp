// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/core/dispatch.h>
#include <mpad/ops/batch_norm_residues.h>
#include <mpad/ops/common_device.h>
#include <mpad/ops/normalization.h>
#include <mpad/ops/view_of.h>

#include <kernels.h>

#include <array>
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
  if (n.addend)
    require(n.addend.shape() == n.x.shape() && n.addend.dtype() == n.x.dtype(),
            "{}: expected an addend as what is normalised, {} {}, got {} {}", op, to_string(n.x.dtype()), n.x.shape(),
            to_string(n.addend.dtype()), n.addend.shape());
  return common_device(op, {n.x, n.gamma, n.beta, n.running_mean, n.running_var, n.addend});
}

/// Whether what follows the normalisation runs apart. With ReLU in one pass backward computes ReLU's input again, in
/// double where it is asked to, which may change its sign. Behind a sum the output tells ReLU's derivative, but not at
/// 0.
bool has_rest_apart(const Normalization& n) {
  const BatchNormOptions& o = n.options;
  return n.addend ? !o.relu || o.alpha != 0 || keeps_choices() : o.relu && keeps_choices();
}

Tensor rest(const Tensor& y, const Tensor& addend, const BatchNormOptions& o) {
  if (!addend) return relu(y, o.alpha);
  return o.relu ? add_relu(y, addend, o.alpha) : add(y, addend);
}

void run_forward(const Normalization& n, const Tensor& y) {
  on(n.device, [&](auto where) {
    const bool relu = n.options.relu && !n.addend;
    const kernels::BatchNorm norm{n.mean.view(), n.inv_std.view(), n.gamma.view(), n.beta.view(), relu};
    if (n.addend)
      kernels::batch_norm_add_relu_forward(where, norm, n.x.view(), n.addend.view(), y.view());
    else
      kernels::batch_norm_forward(where, norm, n.x.view(), y.view());
  });
}

/// What backward takes, and backward.
struct Saved {
  Tensor mean, inv_std, gamma, beta, x;
  Tensor y;  ///< where a sum went through ReLU
  BatchNormOptions options;

  Saved(const Normalization& n, const Tensor& output)
      : mean(n.mean),
        inv_std(n.inv_std),
        gamma(n.gamma.detach()),
        beta(n.beta.detach()),
        x(n.x.detach()),
        y(n.addend ? output.detach() : Tensor()),
        options(n.options) {}

  void operator()(const Tensor& grad_y, Gradients& gradients) const {
    if (gradients.field()) return modulo(*gradients.field(), grad_y, gradients);
    const auto into = [&](int i) { return gradients.wanted(i) ? gradients.into(i).view() : View{}; };
    const View grad_x = into(0), grad_gamma = into(1), grad_beta = into(2);
    const Tensor of_mean = gradients.saved(mean), of_inv_std = gradients.saved(inv_std),
                 of_gamma = gradients.saved(gamma), of_beta = gradients.saved(beta), of_x = gradients.saved(x),
                 of_y = gradients.saved(y);
    kernels::BatchNorm norm{of_mean.view(), of_inv_std.view(), of_gamma.view(), of_beta.view()};
    on(grad_y.device(), [&](auto where) {
      if (of_y) {
        const Tensor grad_addend = gradients.wanted(3) ? gradients.into(3) : empty_like(grad_y);
        kernels::batch_norm_add_relu_backward(where, norm, options.training, of_x.view(), of_y.view(), grad_y.view(),
                                              grad_addend.view(), grad_x, grad_gamma, grad_beta);
      } else {
        norm.relu = options.relu;
        norm.alpha = options.alpha;
        kernels::batch_norm_backward(where, norm, options.training, of_x.view(), grad_y.view(), grad_x, grad_gamma,
                                     grad_beta);
      }
    });
  }

  /// Of a tape that keeps choices, where what follows the normalisation is apart.
  void modulo(const PrimeField& field, const Tensor& grad_y, Gradients& gradients) const {
    const BatchNormGradients of = batch_norm_backward(field,
                                                      {gradients.factor(mean), gradients.factor(inv_std),
                                                       gradients.factor(gamma), gradients.factor(x), options.training},
                                                      grad_y);
    if (gradients.wanted(0)) gradients.set(0, of.x);
    if (gradients.wanted(1)) gradients.set(1, of.gamma);
    if (gradients.wanted(2)) gradients.set(2, of.beta);
  }
};

}  // namespace

Normalization::Normalization(const char* op, const Tensor& of_x, const Tensor& of_gamma, const Tensor& of_beta,
                             const Tensor& of_running_mean, const Tensor& of_running_var,
                             const BatchNormOptions& with_options, const Tensor& with_addend)
    : x(of_x),
      gamma(of_gamma),
      beta(of_beta),
      running_mean(of_running_mean),
      running_var(of_running_var),
      addend(with_addend),
      options(with_options),
      device(check(op, *this)) {
  check_recordable(op, std::array{x, gamma, beta, addend});  // before running statistics change
  mean = Tensor(gamma.shape(), acc_dtype(x.dtype()), device);
  inv_std = empty_like(mean);
}

Tensor Normalization::normalized() const {
  if (has_rest_apart(*this)) {
    Normalization alone = *this;
    alone.options.relu = false;
    alone.addend = {};
    return rest(alone.normalized(), addend, options);
  }
  const Tensor y = empty_like(x);
  run_forward(*this, y);
  if (addend)
    record("batch_norm_add_relu", {x, gamma, beta, addend}, y, Saved(*this, y));
  else
    record("batch_norm", {x, gamma, beta}, y, Saved(*this, y));
  return y;
}

Tensor batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, const Tensor& running_mean,
                  const Tensor& running_var, const BatchNormOptions& options, const Tensor& addend) {
  const Normalization norm("batch_norm", x, gamma, beta, running_mean, running_var, options, addend);
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
