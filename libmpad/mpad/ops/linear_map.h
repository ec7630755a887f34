// SPDX-License-Identifier: MIT
// What the operations that begin with a linear map share.
#pragma once
#include <mpad/ops.h>

namespace mpad {

/// A linear map's operands, checked.
struct LinearMap {
  /// Throws Error, naming `op`, on shapes, dtypes or devices that do not fit.
  LinearMap(const char* op, const Tensor& x, const Tensor& weight, const Tensor& bias);

  /// x times weight, plus bias, and ReLU if asked for.
  Tensor forward(bool relu) const;

  Tensor x, weight, bias;
  Device device;
};

/// What a linear map's backward needs.
struct SavedLinearMap {
  explicit SavedLinearMap(const LinearMap& map) : x(map.x.detach()), weight(map.weight.detach()) {}

  /// Writes the gradients of x, weight and bias, inputs 0, 1 and 2, given that of the map's output; without the bias if
  /// that is written already.
  void backward(const Tensor& grad_y, Gradients& gradients, bool has_bias = false) const;

  Tensor x, weight;
};

}  // namespace mpad
