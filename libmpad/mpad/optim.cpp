// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/core/dispatch.h>
#include <mpad/optim.h>

#include <cuda/graph.h>
#include <kernels.h>
#include <optimizer.h>

#include <algorithm>
#include <cmath>
#include <iterator>

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

// The parameters of a float module go there; its own become half.
void take_masters(Module& module, const Tensor& masters) {
  std::int64_t offset = 0;
  for (const auto& [path, tensor] : parameters(module)) {
    masters.slice(offset, tensor.shape()).copy_from(tensor);
    offset += tensor.numel();
  }
  module.to(DType::f16, DType::f32);
}

// So many arrays of zeros in one, each where 16 bytes and more can be accessed at once.
std::vector<Tensor> make_arena(std::size_t arrays, std::int64_t size, DType dtype, Device device) {
  constexpr std::int64_t granule = 64;  // elements
  const std::int64_t room = (size + granule - 1) / granule * granule;
  const Tensor arena = Tensor::zeros({static_cast<std::int64_t>(arrays) * room}, dtype, device);
  std::vector<Tensor> parts;
  for (std::size_t i = 0; i < arrays; ++i) parts.push_back(arena.slice(static_cast<std::int64_t>(i) * room, {size}));
  return parts;
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

kernels::SgdStep step_of(const SgdOptions& o, double lr, std::int64_t step, double unscale) {
  return {lr, o.momentum, o.weight_decay, o.nesterov, step == 1, unscale};
}

kernels::AdamStep step_of(const AdamOptions& o, double lr, std::int64_t step, double unscale) {
  return {lr, o.beta1, o.beta2, o.epsilon, o.weight_decay, o.decoupled, step, unscale};
}

std::vector<double> as_vector(const auto& numbers) { return {numbers.begin(), numbers.end()}; }

}  // namespace

Optimizer::Optimizer(Module& module, double lr, bool float_masters, std::vector<const char*> state_names) {
  set_lr(lr);
  const std::vector<NamedTensor> found = parameters(module);
  check_alike(found);
  const DType dtype = found.front().tensor.dtype();
  require(!float_masters || dtype == DType::f32, "optimizer: expected float parameters to keep as masters, got {}",
          dtype);
  if (float_masters) state_names.push_back("master");
  const Device device = found.front().tensor.device();
  const std::int64_t size = total_size(found);
  std::vector<Tensor> arrays = make_arena(state_names.size() + (float_masters ? 0 : 2), size, dtype, device);
  if (float_masters) {
    masters_ = arrays.back();
    take_masters(module, masters_);
    std::ranges::copy(make_arena(2, size, DType::f16, device), std::back_inserter(arrays));
  }
  parameters_ = arrays[arrays.size() - 2];
  gradients_ = arrays[arrays.size() - 1];
  for (std::size_t i = 0; i < state_names.size(); ++i) state_.push_back({state_names[i], arrays[i]});
  std::int64_t offset = 0;
  for (const auto& [path, tensor] : parameters(module)) {
    tensor.rebind(parameters_.slice(offset, tensor.shape()), gradients_.slice(offset, tensor.shape()));
    members_.push_back(tensor);
    offset += tensor.numel();
  }
}

void Optimizer::set_lr(double lr) {
  require(std::isfinite(lr) && lr >= 0, "optimizer: expected a learning rate of 0 or more, got {}", lr);
  lr_ = lr;
}

void Optimizer::step(double scale) {
  require(std::isfinite(scale) && scale > 0, "optimizer: expected gradients times a finite number above 0, got {}",
          scale);
  require(!cuda::is_recording(),
          "optimizer: expected a step that is not recorded as a graph, got one (it would use the same numbers each "
          "time; step_by() reads them)");
  ++steps_;
  apply_and_drop({}, 1 / scale);
}

std::vector<double> Optimizer::numbers(double lr, std::int64_t step, double scale) const {
  const std::vector<double> of_rate = numbers_of_rate(lr), of_step = numbers_of_count(step);
  std::vector<double> numbers(of_rate.size() + of_step.size());
  kernels::join_numbers({of_rate.data(), std::ssize(of_rate)}, {of_step.data(), std::ssize(of_step)}, 1 / scale,
                        numbers.data());
  return numbers;
}

void Optimizer::step_by(const Tensor& numbers) {
  const auto count = std::ssize(this->numbers(lr_, 1));
  require(numbers.dtype() == DType::f64 && numbers.numel() == count && numbers.device() == device(),
          "optimizer: expected numbers of a step, double {} on {}, got {} {} on {}", count, to_string(device()),
          numbers.dtype(), numbers.shape(), to_string(numbers.device()));
  apply_and_drop(numbers.view(), 1);
}

void Optimizer::apply_and_drop(const View& numbers, double unscale) {
  zero_missing_gradients();
  const View parameters = parameters_.view(), gradients = gradients_.view();
  if (masters_)
    apply({masters_.view(), gradients, parameters, numbers, unscale});
  else
    apply({parameters, gradients, {}, numbers, unscale});
  skip();
}

void Optimizer::skip() {
  for (const Tensor& tensor : members_) tensor.clear_grad();
}

bool Optimizer::has_finite_gradients() const {
  const Tensor count({}, DType::i32, device());
  count_nonfinite_gradients(count);
  return count.item() == 0;
}

void Optimizer::count_nonfinite_gradients(const Tensor& count) const {
  require(count.dtype() == DType::i32 && count.numel() == 1 && count.device() == device(),
          "optimizer: expected a count on {}, i32 scalar, got {} {} on {}", to_string(device()), count.dtype(),
          count.shape(), to_string(count.device()));
  zero_missing_gradients();
  on(device(), [&](auto where) { kernels::count_nonfinite(where, gradients_.view(), count.view()); });
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

std::vector<double> Sgd::numbers_of_rate(double lr) const {
  return as_vector(kernels::numbers_of_rate(step_of(options_, lr, 1, 1)));
}

std::vector<double> Sgd::numbers_of_count(std::int64_t step) const {
  return as_vector(kernels::numbers_of_count(step_of(options_, lr(), step, 1)));
}

void Sgd::apply(const Step& s) {
  on(device(), [&](auto where) {
    kernels::sgd_step(where, step_of(options_, lr(), steps(), s.unscale), s.parameters, s.gradients,
                      options_.momentum != 0 ? state_view(0) : View{}, s.rounded, s.numbers);
  });
}

Adam::Adam(Module& module, const AdamOptions& options)
    : Optimizer(module, checked(options).lr, options.float_masters, {"first_moment", "second_moment"}),
      options_(options) {}

std::vector<double> Adam::numbers_of_rate(double lr) const {
  return as_vector(kernels::numbers_of_rate(step_of(options_, lr, 1, 1)));
}

std::vector<double> Adam::numbers_of_count(std::int64_t step) const {
  return as_vector(kernels::numbers_of_count(step_of(options_, lr(), step, 1)));
}

void Adam::apply(const Step& s) {
  on(device(), [&](auto where) {
    kernels::adam_step(where, step_of(options_, lr(), steps(), s.unscale), s.parameters, s.gradients, state_view(0),
                       state_view(1), s.rounded, s.numbers);
  });
}

std::unique_ptr<Adam> make_adamw(Module& module, AdamOptions options) {
  options.decoupled = true;
  return std::make_unique<Adam>(module, options);
}

}  // namespace mpad
