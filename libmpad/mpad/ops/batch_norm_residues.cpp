// SPDX-License-Identifier: MIT
#include <mpad/ops/batch_norm_residues.h>

#include <span>

namespace mpad {
namespace {

std::vector<std::int64_t> integers(const Tensor& residues) {
  const Tensor values = residues.to(Device::cpu);
  const std::span<const double> all = values.span<double>();
  return {all.begin(), all.end()};
}

Tensor residues(const std::vector<std::int64_t>& integers, const Tensor& like) {
  const std::vector<double> values(integers.begin(), integers.end());
  return Tensor::from(values, like.shape(), DType::f64).to(like.device());
}

}  // namespace

BatchNormGradients batch_norm_backward(const PrimeField& field, const BatchNormResidues& norm, const Tensor& grad_y) {
  const std::vector<std::int64_t> x = integers(norm.x), mean = integers(norm.mean), inv_std = integers(norm.inv_std),
                                  gamma = integers(norm.gamma), grad = integers(grad_y);
  const std::size_t channels = gamma.size(), rows = x.size() / channels;
  std::vector<std::int64_t> normalized(x.size()), grad_gamma(channels), grad_beta(channels), grad_x(x.size());
  for (std::size_t i = 0, row = 0; row < rows; ++row)
    for (std::size_t c = 0; c < channels; ++c, ++i) {
      normalized[i] = field.reduced((x[i] - mean[c]) * inv_std[c]);
      grad_gamma[c] = field.reduced(grad_gamma[c] + grad[i] * normalized[i]);
      grad_beta[c] = field.reduced(grad_beta[c] + grad[i]);
    }
  // gamma * inv_std * (grad - (grad_beta + normalized * grad_gamma) / rows)
  const std::int64_t share = norm.training ? field.inverse(static_cast<std::int64_t>(rows)) : 0;
  for (std::size_t i = 0, row = 0; row < rows; ++row)
    for (std::size_t c = 0; c < channels; ++c, ++i) {
      const std::int64_t along = field.reduced(grad_beta[c] + normalized[i] * grad_gamma[c]);
      const std::int64_t across = field.reduced(grad[i] - along * share);
      grad_x[i] = field.reduced(field.reduced(gamma[c] * inv_std[c]) * across);
    }
  return {residues(grad_x, grad_y), residues(grad_gamma, norm.gamma), residues(grad_beta, norm.gamma)};
}

}  // namespace mpad
