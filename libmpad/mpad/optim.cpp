// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/core/dispatch.h>
#include <mpad/grad_slot.h>
#include <mpad/optim.h>

#include <cuda/graph.h>
#include <kernels.h>
#include <optimizer.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>

namespace mpad {
namespace {

// Tensors of an arena begin where 16 bytes and more can be accessed at once. What lies between them is 0, and stays so.
std::int64_t aligned(std::int64_t elements) {
  constexpr std::int64_t granule = 64;
  return (elements + granule - 1) / granule * granule;
}

// Where tensors begin in one array of an arena, and where the last one ends. One that several layers share has one
// place.
struct Layout {
  std::vector<std::int64_t> offsets{};
  std::int64_t size = 0;
};

Layout lay_out(const std::vector<NamedTensor>& tensors) {
  Layout layout;
  std::map<std::shared_ptr<GradSlot>, std::int64_t> known;
  for (const auto& [path, tensor] : tensors) {
    const auto [place, is_new] = known.try_emplace(slot_of(tensor), aligned(layout.size));
    layout.offsets.push_back(place->second);
    if (is_new) layout.size = place->second + tensor.numel();
  }
  return layout;
}

std::vector<Tensor> places_in(const Tensor& array, const Layout& layout, const std::vector<NamedTensor>& tensors) {
  std::vector<Tensor> places;
  for (std::size_t i = 0; i < tensors.size(); ++i)
    places.push_back(array.slice(layout.offsets[i], tensors[i].tensor.shape()));
  return places;
}

void check_alike(const std::vector<NamedTensor>& tensors) {
  require(!tensors.empty(), "optimizer: expected a module with parameters, got none");
  const Tensor& first = tensors.front().tensor;
  for (const auto& [path, tensor] : tensors) {
    require(tensor.dtype() == first.dtype() && tensor.device() == first.device(),
            "optimizer: expected one dtype and device, got {} on {} in {}, {} on {} in {}", first.dtype(),
            to_string(first.device()), tensors.front().path, tensor.dtype(), to_string(tensor.device()), path);
    require(tensor.requires_grad(), "optimizer: expected parameters that require a gradient, got {}", path);
  }
}

// The parameters of a float module go there; its own become half.
void take_masters(Module& module, const std::vector<Tensor>& masters) {
  const std::vector<NamedTensor> found = parameters(module);
  for (std::size_t i = 0; i < found.size(); ++i) masters[i].copy_from(found[i].tensor);
  module.to(DType::f16, DType::f32);
}

// So many arrays of zeros in one.
std::vector<Tensor> make_arena(std::size_t arrays, std::int64_t size, DType dtype, Device device) {
  const std::int64_t room = aligned(size);
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

bool is_same_memory(const Tensor& a, const Tensor& b) { return a.view().data == b.view().data; }

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
  const Layout layout = lay_out(found);
  std::vector<Tensor> arrays = make_arena(state_names.size() + (float_masters ? 0 : 2), layout.size, dtype, device);
  if (float_masters) {
    masters_ = arrays.back();
    take_masters(module, places_in(masters_, layout, found));
    std::ranges::copy(make_arena(2, layout.size, DType::f16, device), std::back_inserter(arrays));
  }
  parameters_ = arrays[arrays.size() - 2];
  gradients_ = arrays[arrays.size() - 1];
  for (std::size_t i = 0; i < state_names.size(); ++i) state_.push_back({state_names[i], arrays[i]});
  const std::vector<NamedTensor> members = parameters(module);
  const auto places_of = [&](const Tensor& array) { return places_in(array, layout, members); };
  const std::vector<Tensor> places = places_of(parameters_), of_gradients = places_of(gradients_),
                            of_masters = float_masters ? places_of(masters_) : std::vector<Tensor>{};
  for (std::size_t i = 0; i < members.size(); ++i) {
    const auto& [path, tensor] = members[i];
    tensor.rebind(places[i], of_gradients[i]);
    members_.push_back({path, tensor, places[i], of_gradients[i], float_masters ? of_masters[i] : tensor});
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
  gather_gradients();
  for (const Member& member : members_) mark_overwritten(member.tensor);
  const View parameters = parameters_.view(), gradients = gradients_.view();
  if (masters_)
    apply({masters_.view(), gradients, parameters, numbers, unscale});
  else
    apply({parameters, gradients, {}, numbers, unscale});
  skip();
}

void Optimizer::skip() {
  for (const Member& member : members_) member.tensor.clear_grad();
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
  gather_gradients();
  on(device(), [&](auto where) { kernels::count_nonfinite(where, gradients_.view(), count.view()); });
}

// Backward writes gradients into the arena, but for those of parameters that were frozen for a while, which have lost
// their place there.
void Optimizer::gather_gradients() const {
  for (const auto& [path, tensor, parameter, gradient, unrounded] : members_) {
    require(is_same_memory(tensor, parameter), "optimizer: expected {} where it was put, got it in another's arena",
            path);
    if (!tensor.grad())
      gradient.fill(0);
    else if (!is_same_memory(tensor.grad(), gradient))
      tensor.rebind(parameter, gradient);
  }
}

std::vector<Tensor> Optimizer::unrounded() const {
  std::vector<Tensor> found;
  for (const Member& member : members_) found.push_back(member.unrounded);
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

std::unique_ptr<Adam> make_adamw(Module& module, const AdamwOptions& o) {
  return std::make_unique<Adam>(module, AdamOptions{.lr = o.lr,
                                                    .beta1 = o.beta1,
                                                    .beta2 = o.beta2,
                                                    .epsilon = o.epsilon,
                                                    .weight_decay = o.weight_decay,
                                                    .decoupled = true,
                                                    .float_masters = o.float_masters});
}

}  // namespace mpad
