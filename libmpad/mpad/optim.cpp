// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/core/dispatch.h>
#include <mpad/ops.h>
#include <mpad/optim.h>

#include <kernels.h>

#include <cmath>

namespace mpad {
namespace {

std::int64_t total_size(const std::vector<NamedTensor>& tensors) {
  std::int64_t total = 0;
  for (const NamedTensor& named : tensors) total += named.tensor.numel();
  return total;
}

void check_alike(const std::vector<NamedTensor>& tensors) {
  require(!tensors.empty(), "optimizer: expected a module with parameters, got none");
  const Tensor& first = tensors.front().tensor;
  for (const auto& [path, tensor] : tensors) {
    require(tensor.dtype() == first.dtype() && tensor.device() == first.device(),
            "optimizer: expected one dtype and device, got {} in {}", tensor.dtype(), path);
    require(tensor.requires_grad(), "optimizer: expected parameters that require a gradient, got {}", path);
  }
}

// The parameters of a float module in one array; the module's own become half.
Tensor take_masters(Module& module) {
  const std::vector<NamedTensor> found = parameters(module);
  check_alike(found);
  const Tensor& first = found.front().tensor;
  require(first.dtype() == DType::f32, "optimizer: expected float parameters to keep as masters, got {}",
          first.dtype());
  const Tensor masters({total_size(found)}, DType::f32, first.device());
  std::int64_t offset = 0;
  for (const auto& [path, tensor] : found) {
    masters.slice(offset, tensor.shape()).copy_from(tensor);
    offset += tensor.numel();
  }
  module.to(DType::f16, DType::f32);
  return masters;
}

const SgdOptions& checked(const SgdOptions& options) {
  require(options.momentum >= 0 && options.weight_decay >= 0,
          "Sgd: expected momentum and weight_decay of 0 or more, got {} and {}", options.momentum,
          options.weight_decay);
  require(!options.nesterov || options.momentum > 0, "Sgd: expected a momentum above 0 with nesterov, got {}",
          options.momentum);
  return options;
}

const AdamOptions& checked(const AdamOptions& options) {
  require(options.beta1 >= 0 && options.beta1 < 1 && options.beta2 >= 0 && options.beta2 < 1,
          "Adam: expected beta1 and beta2 in [0, 1), got {} and {}", options.beta1, options.beta2);
  require(options.epsilon > 0 && options.weight_decay >= 0,
          "Adam: expected an epsilon above 0 and a weight_decay of 0 or more, got {} and {}", options.epsilon,
          options.weight_decay);
  return options;
}

}  // namespace

Optimizer::Optimizer(Module& module, double lr, bool float_masters, std::vector<const char*> state_names) {
  set_lr(lr);
  if (float_masters) masters_ = take_masters(module);
  const std::vector<NamedTensor> found = parameters(module);
  check_alike(found);
  const DType dtype = found.front().tensor.dtype(), state_dtype = masters_ ? masters_.dtype() : dtype;
  const Device device = found.front().tensor.device();
  const Shape size{total_size(found)};
  parameters_ = Tensor(size, dtype, device);
  gradients_ = Tensor::zeros(size, dtype, device);
  for (const char* name : state_names) state_.push_back({name, Tensor::zeros(size, state_dtype, device)});
  std::int64_t offset = 0;
  for (const auto& [path, tensor] : found) {
    tensor.rebind(parameters_.slice(offset, tensor.shape()), gradients_.slice(offset, tensor.shape()));
    members_.push_back(tensor);
    offset += tensor.numel();
  }
  if (masters_) state_.push_back({"master", masters_});
}

void Optimizer::set_lr(double lr) {
  require(std::isfinite(lr) && lr >= 0, "optimizer: expected a learning rate of 0 or more, got {}", lr);
  lr_ = lr;
}

void Optimizer::step(double scale) {
  require(std::isfinite(scale) && scale > 0, "optimizer: expected gradients times a finite number above 0, got {}",
          scale);
  zero_missing_gradients();
  ++steps_;
  const View parameters = parameters_.view(), gradients = gradients_.view();
  if (masters_)
    apply({masters_.view(), gradients, parameters, 1 / scale});
  else
    apply({parameters, gradients, {}, 1 / scale});
  skip();
}

void Optimizer::skip() {
  for (const Tensor& tensor : members_) tensor.clear_grad();
}

bool Optimizer::has_finite_gradients() const {
  zero_missing_gradients();
  return count_nonfinite(gradients_) == 0;
}

void Optimizer::zero_missing_gradients() const {
  std::int64_t offset = 0;
  for (const Tensor& tensor : members_) {
    if (!tensor.grad()) gradients_.slice(offset, tensor.shape()).fill(0);
    offset += tensor.numel();
  }
}

std::vector<Tensor> Optimizer::unrounded() const {
  if (!masters_) return members_;
  std::vector<Tensor> found;
  std::int64_t offset = 0;
  for (const Tensor& tensor : members_) {
    found.push_back(masters_.slice(offset, tensor.shape()));
    offset += tensor.numel();
  }
  return found;
}

std::vector<NamedTensor> Optimizer::state() const { return state_; }

Sgd::Sgd(Module& module, const SgdOptions& options)
    : Optimizer(module, checked(options).lr, options.float_masters,
                options.momentum != 0 ? std::vector{"momentum"} : std::vector<const char*>{}),
      options_(options) {}

void Sgd::apply(const Step& s) {
  const kernels::SgdStep step{lr(),         options_.momentum, options_.weight_decay, options_.nesterov,
                              steps() == 1, s.unscale};
  on(device(), [&](auto where) {
    kernels::sgd_step(where, step, s.parameters, s.gradients, options_.momentum != 0 ? state_view(0) : View{},
                      s.rounded);
  });
}

Adam::Adam(Module& module, const AdamOptions& options)
    : Optimizer(module, checked(options).lr, options.float_masters, {"first_moment", "second_moment"}),
      options_(options) {}

void Adam::apply(const Step& s) {
  const AdamOptions& o = options_;
  const kernels::AdamStep step{lr(), o.beta1, o.beta2, o.epsilon, o.weight_decay, o.decoupled, steps(), s.unscale};
  on(device(), [&](auto where) {
    kernels::adam_step(where, step, s.parameters, s.gradients, state_view(0), state_view(1), s.rounded);
  });
}

std::unique_ptr<Adam> make_adamw(Module& module, AdamOptions options) {
  options.decoupled = true;
  return std::make_unique<Adam>(module, options);
}

}  // namespace mpad
