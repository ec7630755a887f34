// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/tensor.h>

#include <initializer_list>
#include <span>

namespace mpad {

/// The device that all inputs of an operation are on; empty ones count nowhere. Throws Error, naming `op`, if they are
/// on several.
Device common_device(const char* op, std::span<const Tensor> inputs);
inline Device common_device(const char* op, std::initializer_list<Tensor> inputs) {
  return common_device(op, std::span(inputs.begin(), inputs.size()));
}

}  // namespace mpad
