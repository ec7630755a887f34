// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
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

Optimizer::Optimizer(Module& module, double lr, std::vector<const char*> state_names) {
  set_lr(lr);
  const std::vector<NamedTensor> found = parameters(module);
  check_alike(found);
  const DType dtype = found.front().tensor.dtype();
  const Device device = found.front().tensor.device();
  const Shape size{total_size(found)};
  parameters_ = Tensor(size, dtype, device);
  gradients_ = Tensor::zeros(size, dtype, device);
  for (const char* name : state_names) state_.push_back({name, Tensor::zeros(size, dtype, device)});
  std::int64_t offset = 0;
  for (const auto& [path, tensor] : found) {
    tensor.rebind(parameters_.slice(offset, tensor.shape()), gradients_.slice(offset, tensor.shape()));
    members_.push_back(tensor);
    offset += tensor.numel();
  }
}

void Optimizer::set_lr(double lr) {
  require(std::isfinite(lr) && lr >= 0, "optimizer: expected a learning rate of 0 or more, got {}", lr);
  lr_ = lr;
}

void Optimizer::step() {
  std::int64_t offset = 0;
  for (const Tensor& tensor : members_) {
    const Tensor place = gradients_.slice(offset, tensor.shape());
    if (!tensor.grad()) place.fill(0);
    offset += tensor.numel();
  }
  ++steps_;
  apply(parameters_.view(), gradients_.view());
  for (const Tensor& tensor : members_) tensor.clear_grad();
}

std::vector<NamedTensor> Optimizer::state() const { return state_; }

Sgd::Sgd(Module& module, const SgdOptions& options)
    : Optimizer(module, checked(options).lr,
                options.momentum != 0 ? std::vector{"momentum"} : std::vector<const char*>{}),
      options_(options) {}

void Sgd::apply(const View& parameters, const View& gradients) {
  const kernels::SgdStep step{lr(), options_.momentum, options_.weight_decay, options_.nesterov, steps() == 1};
  on(device(), [&](auto where) {
    kernels::sgd_step(where, step, parameters, gradients, options_.momentum != 0 ? state_view(0) : View{});
  });
}

Adam::Adam(Module& module, const AdamOptions& options)
    : Optimizer(module, checked(options).lr, {"first_moment", "second_moment"}), options_(options) {}

void Adam::apply(const View& parameters, const View& gradients) {
  const kernels::AdamStep step{
      lr(), options_.beta1, options_.beta2, options_.epsilon, options_.weight_decay, options_.decoupled, steps()};
  on(device(),
     [&](auto where) { kernels::adam_step(where, step, parameters, gradients, state_view(0), state_view(1)); });
}

std::unique_ptr<Adam> make_adamw(Module& module, AdamOptions options) {
  options.decoupled = true;
  return std::make_unique<Adam>(module, options);
}

}  // namespace mpad
