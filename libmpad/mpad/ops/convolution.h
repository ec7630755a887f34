// SPDX-License-Identifier: MIT
// What the operations that begin with a convolution share.
#pragma once
#include <mpad/ops.h>

namespace mpad {

/// A convolution's operands, checked.
struct Convolution {
  /// Throws Error, naming `op`, on shapes, dtypes or devices that do not fit.
  Convolution(const char* op, const Tensor& x, const Tensor& weight, const Tensor& bias, const Conv2dWindow& window);

  Shape output() const { return {sliding.n, sliding.oh, sliding.ow, weight.shape()[0]}; }

  Tensor x, weight, bias;
  Sliding sliding;
  Device device;
};

/// What a convolution's backward needs.
struct SavedConvolution {
  explicit SavedConvolution(const Convolution& c) : x(c.x.detach()), weight(c.weight.detach()), sliding(c.sliding) {}

  /// Writes the gradients of x, weight and bias, inputs 0, 1 and 2, given that of the convolution's output; without the
  /// bias if that is written already.
  void backward(const Tensor& grad_y, Gradients& gradients, bool has_bias = false) const;

  Tensor x, weight;
  Sliding sliding;
};

/// Records conv2d, whose output is y.
void record_convolution(const Convolution& c, const Tensor& y);

}  // namespace mpad
