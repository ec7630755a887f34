// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/core/device.h>
#include <mpad/core/types.h>
#include <mpad/memory.h>

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace mpad {

class Tensor;

/// Where the gradient of a tensor is collected; the tape and the tensor share it, so that the tape keeps no data alive.
struct GradSlot;

/// A shared handle on a contiguous array: copies refer to the same data. Activations are n,h,w,c.
class Tensor {
 public:
  /// No data: false in a condition.
  Tensor() = default;
  /// Uninitialised elements.
  explicit Tensor(const Shape& shape, DType dtype = DType::f32, Device device = Device::cpu);

  static Tensor zeros(const Shape& shape, DType dtype = DType::f32, Device device = Device::cpu);
  static Tensor full(const Shape& shape, double value, DType dtype = DType::f32, Device device = Device::cpu);
  /// Row-major values, each rounded once to dtype. Throws Error if their number is not that of the shape.
  static Tensor from(std::span<const double> values, const Shape& shape, DType dtype = DType::f32);
  static Tensor from(std::initializer_list<double> values, const Shape& shape, DType dtype = DType::f32);
  static Tensor from(std::span<const std::int32_t> labels, const Shape& shape);

  explicit operator bool() const { return state_ != nullptr; }
  const Shape& shape() const;
  DType dtype() const;
  Device device() const;
  std::int64_t numel() const { return shape().numel(); }
  std::size_t bytes() const { return static_cast<std::size_t>(numel()) * size_of(dtype()); }
  View view() const;
  /// The elements, on the CPU. Throws Error if T is not the element type or the tensor is elsewhere.
  template <class T>
  std::span<T> span() const {
    return {host_view("span").as<T>(), static_cast<std::size_t>(numel())};
  }

  /// The one element of a tensor of size 1, as a double.
  double item() const;
  /// All elements in row-major order, as doubles.
  std::vector<double> values() const;

  /// This tensor with other elements: rounded once to nearest even where the type is narrower. Not recorded.
  Tensor to(DType dtype) const;
  /// The same elements on a device; itself if it is there. Not recorded. Throws Error if the device is unavailable.
  Tensor to(Device device) const;
  /// A copy of the data, without history.
  Tensor clone() const;
  /// The same data under another shape of the same size, without history (ops.h has the recorded one).
  Tensor reshaped(const Shape& shape) const;
  /// Part of a contiguous tensor as one of the given shape, sharing memory, without history: elements offset,
  /// offset + 1, ...
  Tensor slice(std::int64_t offset, const Shape& shape) const;
  /// The same data without history.
  Tensor detach() const;
  /// Overwrites the elements with those of a tensor of the same shape and dtype, on any device, which may be other
  /// elements of the same memory. A backward that has saved them refuses to run then (tape.h).
  void copy_from(const Tensor& source) const;
  void fill(double value) const;

  /// Whether gradients are collected in this tensor (a parameter) or flow through it (recorded by a tape).
  bool requires_grad() const;
  /// Makes this a leaf that collects gradients; returns itself.
  Tensor& set_requires_grad(bool value = true);
  /// The gradient collected by the last backward; empty if there is none.
  Tensor grad() const;
  /// Drops the gradient.
  void clear_grad() const;

  /// Moves data and gradient into the given tensors of equal shape and dtype, so that the storage of many parameters
  /// can be one array: every copy of this handle sees the new place. Those that detach, reshaped and slice have made
  /// keep to the old one. The values are kept.
  void rebind(const Tensor& data, const Tensor& grad_storage) const;

 private:
  friend const std::shared_ptr<GradSlot>& slot_of(const Tensor&);
  friend void set_slot(const Tensor&, std::shared_ptr<GradSlot>);
  friend void mark_overwritten(const Tensor&);
  friend bool was_overwritten(const Tensor&);
  struct State;
  View host_view(const char* who) const;
  const std::shared_ptr<GradSlot>& slot() const;
  std::shared_ptr<State> state_;
};

/// An uninitialised tensor of the same shape, dtype and device.
Tensor empty_like(const Tensor& tensor);

}  // namespace mpad
