// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/tape.h>

namespace mpad {

/// The gradient of what ReLU was given, and whether that of the bias is written.
struct BehindRelu {
  Tensor grad;
  bool has_bias;
};

/// Given ReLU's output y ...,c and its gradient, with ReLU'(0) = 0. The gradient of a bias c (input 2), if it is wanted
/// and sums in the order of the images, is written in the same pass.
BehindRelu behind_relu(const Tensor& y, const Tensor& grad_y, Gradients& gradients);

}  // namespace mpad
