// SPDX-License-Identifier: MIT
// Internal: shared by tensor.cpp and tape.cpp.
#pragma once
#include <mpad/tensor.h>

#include <cstdint>

namespace mpad {

struct GradSlot {
  Shape shape;
  DType dtype;
  Device device;
  std::uint64_t tape;  // serial number of the tape that recorded the tensor; 0 for a leaf
  Tensor gradient{};   // empty until something flowed in
  Tensor storage{};    // where the gradient must be written, if somebody (an optimizer) gave a place
};

/// The slot of a tensor with data; null if no gradient flows through it.
const std::shared_ptr<GradSlot>& slot_of(const Tensor& tensor);
void set_slot(const Tensor& tensor, std::shared_ptr<GradSlot> slot);

/// Says that the elements of a tensor are others now: of all handles on them, but not of slices.
void mark_overwritten(const Tensor& tensor);
/// Whether somebody has since a handle was detached; false for other handles.
bool was_overwritten(const Tensor& detached);

}  // namespace mpad
