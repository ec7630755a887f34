// SPDX-License-Identifier: MIT
#include <mpad/nn/fused.h>
#include <mpad/nn/layers.h>

namespace mpad {
namespace {

// On the CPU, where a convolution is neither pooled nor its columns summed with it, one pass gained nothing.
bool sums_columns(const BatchNorm2d& norm, Device device) { return device == Device::cuda && norm.is_training(); }

Tensor after_convolution(const Conv2d& convolution, const Module& second, const Tensor& x) {
  if (const auto* relu = dynamic_cast<const Relu*>(&second)) return convolution.forward_relu(x, relu->alpha());
  const auto* norm = dynamic_cast<const BatchNorm2d*>(&second);
  if (norm != nullptr && sums_columns(*norm, x.device())) return convolution.forward_norm(x, *norm, norm->options());
  const auto* pool = dynamic_cast<const ReluMaxPool2d*>(&second);
  if (pool != nullptr && x.device() == Device::cuda)
    return convolution.forward_relu_pool(x, pool->alpha(), pool->options());
  return {};
}

}  // namespace

Tensor call_fused(Module& first, Module& second, const Tensor& x) {
  if (CallObserver::observing()) return {};
  if (const auto* convolution = dynamic_cast<const Conv2d*>(&first)) return after_convolution(*convolution, second, x);
  const auto* linear = dynamic_cast<const Linear*>(&first);
  const auto* relu = dynamic_cast<const Relu*>(&second);
  return linear != nullptr && relu != nullptr ? linear->forward_relu(x, relu->alpha()) : Tensor();
}

Tensor call_both(Module& first, Module& second, const Tensor& x) {
  const Tensor y = call_fused(first, second, x);
  return y ? y : second(first(x));
}

Tensor call_add_relu(Conv2d& first, Module& second, const Tensor& x, const Tensor& addend, double alpha) {
  const auto* norm = dynamic_cast<const BatchNorm2d*>(&second);
  if (norm == nullptr || norm->options().relu || CallObserver::observing())
    return add_relu(call_both(first, second, x), addend, alpha);
  BatchNormOptions options = norm->options();
  options.relu = true;
  options.alpha = alpha;
  if (sums_columns(*norm, x.device())) return first.forward_norm(x, *norm, options, addend);
  return norm->forward(first(x), options, addend);
}

}  // namespace mpad
