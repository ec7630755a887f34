// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/tape.h>

#include <utility>

namespace mpad {

/// The gradient of what ReLU was given, and whether that of the bias is written.
struct BehindRelu {
  Tensor grad;
  bool has_bias;
};

/// Whether the gradient of a bias (input 2) is wanted, and sums in the order of the images: then a pass that stores
/// what is summed may write it.
bool sums_bias(const Gradients& gradients);

/// Given ReLU's output y ...,c and its gradient, with ReLU'(0) = 0. The gradient of a bias c is written in the same
/// pass if sums_bias().
BehindRelu behind_relu(const Tensor& y, const Tensor& grad_y, Gradients& gradients);

/// Records a map (of x, weight and bias, inputs 0, 1 and 2) with ReLU behind it, ReLU'(0) = 0, whose output is y;
/// `saved` has the map's backward.
template <class Map, class Saved>
void record_with_relu(const char* op, const Map& map, Saved saved, const Tensor& y) {
  record(op, {map.x, map.weight, map.bias}, y,
         [saved = std::move(saved), y = y.detach()](const Tensor& grad_y, Gradients& gradients) {
           const BehindRelu behind = behind_relu(y, grad_y, gradients);
           saved.backward(behind.grad, gradients, behind.has_bias);
         });
}

}  // namespace mpad
