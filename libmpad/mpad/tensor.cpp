// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/core/dispatch.h>
#include <mpad/core/half.h>
#include <mpad/grad_slot.h>
#include <mpad/tensor.h>

#include <cuda/runtime.h>
#include <kernels.h>

#include <atomic>
#include <cstring>
#include <optional>

namespace mpad {

struct Tensor::State {
  Buffer data;
  Shape shape;
  DType dtype;
  Device device;
  std::shared_ptr<GradSlot> slot{};
  // How often the elements were overwritten, for all handles on them but slices; how often before a detached one.
  std::shared_ptr<std::atomic<std::uint64_t>> writes = std::make_shared<std::atomic<std::uint64_t>>(0);
  std::optional<std::uint64_t> writes_before{};
};

Tensor::Tensor(const Shape& shape, DType dtype, Device device) {
  const auto bytes = static_cast<std::size_t>(shape.numel()) * size_of(dtype);
  state_ = std::make_shared<State>(State{allocate(bytes, device), shape, dtype, device});
}

Tensor Tensor::full(const Shape& shape, double value, DType dtype, Device device) {
  Tensor tensor(shape, dtype, device);
  tensor.fill(value);
  return tensor;
}

Tensor Tensor::zeros(const Shape& shape, DType dtype, Device device) {
  Tensor tensor(shape, dtype, device);
  on(device, [&](auto where) { kernels::zero(where, tensor.view()); });
  return tensor;
}

Tensor Tensor::from(std::span<const double> values, const Shape& shape, DType dtype) {
  require(static_cast<std::int64_t>(values.size()) == shape.numel(),
          "Tensor::from: expected {} values for shape {}, got {}", shape.numel(), shape, values.size());
  Tensor tensor(shape, dtype);
  with_type(dtype, [&]<class T>() {
    auto elements = tensor.span<T>();
    for (std::size_t i = 0; i < values.size(); ++i) elements[i] = round_to<T>(values[i]);
  });
  return tensor;
}

Tensor Tensor::from(std::initializer_list<double> values, const Shape& shape, DType dtype) {
  return from(std::span(values.begin(), values.size()), shape, dtype);
}

Tensor Tensor::from(std::span<const std::int32_t> labels, const Shape& shape) {
  require(static_cast<std::int64_t>(labels.size()) == shape.numel(),
          "Tensor::from: expected {} labels for shape {}, got {}", shape.numel(), shape, labels.size());
  Tensor tensor(shape, DType::i32);
  std::copy(labels.begin(), labels.end(), tensor.span<std::int32_t>().begin());
  return tensor;
}

namespace {
template <class State>
const State& filled(const std::shared_ptr<State>& state) {
  require(state != nullptr, "tensor: expected one with data, got an empty handle");
  return *state;
}
}  // namespace

const Shape& Tensor::shape() const { return filled(state_).shape; }
DType Tensor::dtype() const { return filled(state_).dtype; }
Device Tensor::device() const { return filled(state_).device; }
View Tensor::view() const { return {filled(state_).data.get(), state_->dtype, state_->shape}; }

View Tensor::host_view(const char* who) const {
  require(device() == Device::cpu, "{}: expected a tensor on the cpu, got one on {}", who, to_string(device()));
  return view();
}

double Tensor::item() const {
  require(numel() == 1, "item: expected one element, got shape {}", shape());
  return values()[0];
}

std::vector<double> Tensor::values() const {
  if (device() != Device::cpu) return to(Device::cpu).values();
  std::vector<double> out(static_cast<std::size_t>(numel()));
  auto convert = [&]<class T>() {
    auto elements = span<T>();
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<double>(elements[i]);
  };
  if (is_real(dtype()))
    with_type(dtype(), convert);
  else if (dtype() == DType::i32)
    convert.template operator()<std::int32_t>();
  else
    with_mask_type(dtype(), convert);
  return out;
}

Tensor Tensor::to(DType dtype) const {
  if (dtype == this->dtype()) return *this;
  Tensor out(shape(), dtype, device());
  on(device(), [&](auto where) { kernels::cast(where, view(), out.view()); });
  return out;
}

Tensor Tensor::to(Device device) const {
  if (device == this->device()) return *this;
  Tensor out(shape(), dtype(), device);
  out.copy_from(*this);
  return out;
}

Tensor Tensor::clone() const {
  Tensor out = empty_like(*this);
  out.copy_from(*this);
  return out;
}

Tensor Tensor::reshaped(const Shape& shape) const {
  require(shape.numel() == numel(), "reshape: expected a shape of {} elements (from {}), got {}", numel(),
          this->shape(), shape);
  Tensor out;
  out.state_ = std::make_shared<State>(State{state_->data, shape, dtype(), device(), {}, state_->writes});
  return out;
}

Tensor Tensor::slice(std::int64_t offset, const Shape& shape) const {
  require(offset >= 0 && offset <= numel() - shape.numel(), "slice: expected a part of {} elements, got {} from {}",
          numel(), shape, offset);
  Tensor out;
  // The part keeps the whole block alive.
  Buffer part(state_->data, state_->data.get() + static_cast<std::size_t>(offset) * size_of(dtype()));
  out.state_ = std::make_shared<State>(State{std::move(part), shape, dtype(), device()});
  return out;
}

Tensor Tensor::detach() const {
  Tensor out = reshaped(shape());
  out.state_->writes_before = state_->writes->load();
  return out;
}

void Tensor::copy_from(const Tensor& source) const {
  require(source.shape() == shape() && source.dtype() == dtype(), "copy: expected {} {}, got {} {}", to_string(dtype()),
          shape(), to_string(source.dtype()), source.shape());
  if (device() == source.device() && view().data == source.view().data) return;
  mark_overwritten(*this);
  if (device() == Device::cpu && source.device() == Device::cpu) {
    std::memmove(view().data, source.view().data, bytes());
    return;
  }
  // Other copies must not overlap, as two slices of a tensor may.
  const std::byte *to = state_->data.get(), *from = source.state_->data.get();
  const bool overlaps = device() == source.device() && to < from + bytes() && from < to + bytes();
  cuda::copy(view().data, (overlaps ? source.clone() : source).view().data, bytes());
  if (device() != source.device()) cuda::synchronize("copy");
}

void Tensor::fill(double value) const {
  mark_overwritten(*this);
  on(device(), [&](auto where) { kernels::fill(where, view(), value); });
}

const std::shared_ptr<GradSlot>& Tensor::slot() const { return filled(state_).slot; }

bool Tensor::requires_grad() const { return state_ != nullptr && state_->slot != nullptr; }

Tensor& Tensor::set_requires_grad(bool value) {
  require(is_real(dtype()), "set_requires_grad: expected half, float or double, got {}", dtype());
  if (!value)
    state_->slot = nullptr;
  else if (!state_->slot)
    state_->slot = std::make_shared<GradSlot>(GradSlot{shape(), dtype(), device(), 0});
  return *this;
}

Tensor Tensor::grad() const { return slot() ? slot()->gradient : Tensor(); }

void Tensor::clear_grad() const {
  if (slot()) slot()->gradient = Tensor();
}

void Tensor::rebind(const Tensor& data, const Tensor& grad_storage) const {
  require(requires_grad(), "rebind: expected a tensor that requires a gradient");
  require(data.shape() == shape() && data.dtype() == dtype() && data.device() == device(),
          "rebind: expected data of {} {} on {}, got {} {} on {}", to_string(dtype()), shape(), to_string(device()),
          to_string(data.dtype()), data.shape(), to_string(data.device()));
  require(grad_storage.shape() == shape() && grad_storage.dtype() == dtype() && grad_storage.device() == device(),
          "rebind: expected gradient storage of {} {} on {}, got {} {} on {}", to_string(dtype()), shape(),
          to_string(device()), to_string(grad_storage.dtype()), grad_storage.shape(), to_string(grad_storage.device()));
  data.copy_from(*this);
  state_->data = data.state_->data;
  slot()->storage = grad_storage;
  if (slot()->gradient) {
    grad_storage.copy_from(slot()->gradient);
    slot()->gradient = grad_storage;
  }
}

const std::shared_ptr<GradSlot>& slot_of(const Tensor& tensor) { return tensor.slot(); }

void set_slot(const Tensor& tensor, std::shared_ptr<GradSlot> slot) { tensor.state_->slot = std::move(slot); }

void mark_overwritten(const Tensor& tensor) { ++*filled(tensor.state_).writes; }

bool was_overwritten(const Tensor& detached) {
  const auto& before = filled(detached.state_).writes_before;
  return before && *before != detached.state_->writes->load();
}

Tensor empty_like(const Tensor& tensor) { return Tensor(tensor.shape(), tensor.dtype(), tensor.device()); }

}  // namespace mpad
