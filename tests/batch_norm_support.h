// SPDX-License-Identifier: MIT
// Batch normalisation called as kernels on any backend, and its definition in double with bounds of rounding errors.
#pragma once
#include "kernel_run.h"

#include <mpad/ops.h>

namespace mpad::test {

/// Inputs of one normalisation of rows x channels.
struct Batch {
  Tensor x, gamma, beta, grad_y, running_mean, running_var;
};

inline Batch make_batch(std::int64_t rows, std::int64_t channels, DType dtype, double mean = 0.5, double spread = 2) {
  const auto per_channel = [&](std::uint64_t seed, double low, double high) {
    return random_tensor({channels}, dtype, seed, low, high);
  };
  return {random_tensor({rows, channels}, dtype, 1, mean - spread, mean + spread),
          per_channel(2, 0.5, 2),
          per_channel(3, -1, 1),
          random_tensor({rows, channels}, dtype, 4),
          per_channel(5, -1, 1),
          per_channel(6, 0.5, 2)};
}

struct Normalized {
  Tensor mean, inv_std, running_mean, running_var, y, grad_x, grad_gamma, grad_beta;
};

/// Statistics (of the batch in training, else the running ones), forward and backward.
template <class Where>
Normalized normalize(Where where, const Batch& batch, const BatchNormOptions& o = {}) {
  const DType dtype = batch.x.dtype(), wide = dtype == DType::f64 ? DType::f64 : DType::f32;
  const Shape channels = batch.gamma.shape();
  const Output matrix{batch.x.shape(), dtype}, vector{channels, dtype}, statistic{channels, wide};
  const std::vector<Tensor> out = run_kernel(
      where, {batch.x, batch.gamma, batch.beta, batch.grad_y, batch.running_mean, batch.running_var},
      {statistic, statistic, vector, vector, matrix, matrix, vector, vector}, [&](auto in, auto out) {
        kernels::cast(where, in[4], out[2]);
        kernels::cast(where, in[5], out[3]);
        if (o.training)
          kernels::batch_norm_statistics(where, o.epsilon, o.momentum, in[0], out[0], out[1], out[2], out[3]);
        else
          kernels::batch_norm_running(where, o.epsilon, out[2], out[3], out[0], out[1]);
        const kernels::BatchNorm norm{out[0], out[1], in[1], in[2], o.relu, o.alpha};
        kernels::batch_norm_forward(where, norm, in[0], out[4]);
        kernels::batch_norm_backward(where, norm, o.training, in[0], in[3], out[5], out[6], out[7]);
      });
  return {out[0], out[1], out[2], out[3], out[4], out[5], out[6], out[7]};
}

inline std::vector<Tensor> all(const Normalized& n) {
  return {n.mean, n.inv_std, n.running_mean, n.running_var, n.y, n.grad_x, n.grad_gamma, n.grad_beta};
}

/// A value in double, and how far a correct kernel may be from it.
struct Bounded {
  std::vector<double> value, error;
  void push(double v, double e) {
    value.push_back(v);
    error.push_back(e);
  }
  bool holds(const Tensor& got) const {
    const std::vector<double> values = got.values();
    bool within = values.size() == value.size();
    for (std::size_t i = 0; within && i < values.size(); ++i) within = std::abs(values[i] - value[i]) <= error[i];
    return within;
  }
};

/// PyTorch's running statistic, and room for its rounding: three operations in acc_t, one to the dtype.
inline Bounded updated(const Tensor& running, const Bounded& batch, double factor, double momentum) {
  const std::vector<double> old = running.values();
  const double unit = std::ldexp(1.0, running.dtype() == DType::f16 ? -11 : running.dtype() == DType::f32 ? -24 : -53);
  Bounded want;
  for (std::size_t c = 0; c < old.size(); ++c) {
    const double value = (1 - momentum) * old[c] + momentum * factor * batch.value[c];
    const double scale = std::abs(old[c]) + std::abs(momentum * factor * batch.value[c]);
    want.push(value, momentum * factor * batch.error[c] + 4 * unit * scale);
  }
  return want;
}

/// The definition on the rounded inputs, in long double so that double has a reference too, with a first-order bound of
/// each result's rounding error. u is the unit of acc_t; a sum of n terms is off by at most `depth` u times the sum of
/// their magnitudes (Higham, Accuracy and Stability, 4.2), where depth, the longest chain of additions that a term
/// passes through, is less than 300 in every backend's tree; every further operation adds u of its result; `store` is
/// the rounding to half.
class Definition {
 public:
  explicit Definition(const Batch& batch, const BatchNormOptions& options = {})
      : options_(options),
        half_(batch.x.dtype() == DType::f16),
        unit_(std::ldexp(1.0, batch.x.dtype() == DType::f64 ? -53 : -24)),
        rows_(static_cast<double>(batch.x.shape()[0])),
        channels_(static_cast<std::size_t>(batch.x.shape()[1])),
        depth_(std::min(rows_, 300.0) + 2),
        x_(batch.x.values()),
        grad_y_(batch.grad_y.values()),
        gamma_(batch.gamma.values()),
        beta_(batch.beta.values()) {
    const std::vector<double> running_mean = batch.running_mean.values(), running_var = batch.running_var.values();
    y.value.resize(x_.size());
    grad_x = y;
    y.error = grad_x.error = y.value;
    for (std::size_t c = 0; c < channels_; ++c) {
      const Channel channel = options.training ? of_batch(c) : of_running(running_mean[c], running_var[c]);
      mean.push(static_cast<double>(channel.mean), channel.mean_error);
      inv_std.push(channel.inv_std, channel.relative_error * channel.inv_std);
      differentiate(c, channel);
    }
  }

  Bounded mean{}, inv_std{}, variance{}, y{}, grad_x{}, grad_gamma{}, grad_beta{};

 private:
  using Wide = long double;
  struct Channel {
    Wide mean;
    double mean_error, inv_std, relative_error;
  };

  template <class F>
  Wide mean_of(std::size_t c, const F& f) const {
    Wide sum = 0;
    for (std::size_t i = c; i < x_.size(); i += channels_) sum += f(i);
    return sum / rows_;
  }
  double store(double value) const { return half_ ? std::ldexp(std::abs(value), -11) + 0x1p-25 : 0; }

  Channel of_batch(std::size_t c) {
    const Wide mu = mean_of(c, [&](std::size_t i) { return x_[i]; });
    const auto v = static_cast<double>(mean_of(c, [&](std::size_t i) { return (x_[i] - mu) * (x_[i] - mu); }));
    // Sums are of differences from row 0; the mean of magnitudes is at most the root of that of squares.
    const auto squares = static_cast<double>(mean_of(c, [&](std::size_t i) { return std::pow(x_[i] - x_[c], 2); }));
    const double variance_error = 4 * (depth_ + 2) * unit_ * squares;
    variance.push(v, variance_error);
    const double mean_error = (depth_ + 2) * unit_ * std::sqrt(squares) + unit_ * static_cast<double>(std::abs(mu));
    return {mu, mean_error, 1 / std::sqrt(v + options_.epsilon),
            variance_error / (2 * (v + options_.epsilon)) + 3 * unit_};
  }
  Channel of_running(double mu, double v) {
    variance.push(v, 0);
    return {mu, 0, 1 / std::sqrt(v + options_.epsilon), 3 * unit_};
  }

  void differentiate(std::size_t c, const Channel& channel) {
    const auto& [mu, mu_error, inv, inv_error] = channel;
    const double scale = std::abs(gamma_[c] * inv);
    const auto d = [&, m = mu](std::size_t i) { return static_cast<double>(x_[i] - m); };
    const auto mean = [&](const auto& f) { return static_cast<double>(mean_of(c, f)); };
    const double g_mean = mean([&](std::size_t i) { return grad_y_[i]; });
    const double g_scale = mean([&](std::size_t i) { return std::abs(grad_y_[i]); });
    const double product = mean([&](std::size_t i) { return Wide(grad_y_[i]) * d(i); });
    const double product_scale = mean([&](std::size_t i) { return std::abs(grad_y_[i] * d(i)); });
    const double product_error = (depth_ + 3) * unit_ * product_scale + mu_error * g_scale;
    const double mean_error = (depth_ + 1) * unit_ * g_scale, k = inv * inv * product;
    const double k_error = inv * inv * product_error + std::abs(k) * (2 * inv_error + 4 * unit_);
    for (std::size_t i = c; i < x_.size(); i += channels_) {
      const double product_y = gamma_[c] * inv * d(i), value = product_y + beta_[c];
      const double error = scale * mu_error + std::abs(product_y) * (inv_error + 4 * unit_) + unit_ * std::abs(value);
      y.value[i] = value;
      y.error[i] = error + store(value);
      const double taken = options_.training ? g_mean + k * d(i) : 0;
      const double taken_error = options_.training ? mean_error + k_error * std::abs(d(i)) + std::abs(k) * mu_error : 0;
      const double rest = grad_y_[i] - taken;
      const double terms = std::abs(grad_y_[i]) + std::abs(g_mean) + std::abs(k * d(i));
      grad_x.value[i] = gamma_[c] * inv * rest;
      grad_x.error[i] =
          scale * (taken_error + 4 * unit_ * terms + std::abs(rest) * (inv_error + 3 * unit_)) + store(grad_x.value[i]);
    }
    const double gradient = rows_ * inv * product;
    grad_gamma.push(gradient,
                    rows_ * inv * product_error + std::abs(gradient) * (inv_error + 2 * unit_) + store(gradient));
    grad_beta.push(rows_ * g_mean, rows_ * mean_error + store(rows_ * g_mean));
  }

  BatchNormOptions options_;
  bool half_;
  double unit_, rows_;
  std::size_t channels_;
  double depth_;
  std::vector<double> x_, grad_y_, gamma_, beta_;
};

}  // namespace mpad::test
