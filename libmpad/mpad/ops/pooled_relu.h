// SPDX-License-Identifier: MIT
// What the operations that end with a max pool of ReLU share.
#pragma once
#include <mpad/ops.h>
#include <mpad/tape.h>

namespace mpad {

/// The pool of relu(x, alpha) for x of this shape and dtype.
struct PooledRelu {
  /// Throws Error, naming `op`, on shapes or options that do not fit.
  PooledRelu(const char* op, const Shape& x, DType dtype, double alpha, const MaxPool2dOptions& options);

  Shape input() const { return {sliding.n, sliding.h, sliding.w, sliding.c}; }
  Shape output() const { return {sliding.n, sliding.oh, sliding.ow, sliding.c}; }
  DType code_dtype() const { return mask_dtype(sliding.window.taps() + 1); }

  /// The gradient of x, given that of the output and what the forward saved.
  void backward(const Tensor& code, const Tensor& grad_y, const Gradients& gradients, const Tensor& grad_x) const;
  /// The same with ReLU'(0) = 0, and the gradient of a bias c of what the pool was given.
  void backward_with_bias(const Tensor& code, const Tensor& grad_y, const Gradients& gradients, const Tensor& grad_x,
                          const Tensor& grad_bias) const;

  /// ReLU'(0) in a backward: the one that was chosen, or else this pool's.
  double at_zero(const Gradients& gradients) const { return gradients.choices().relu0.value_or(alpha); }

  const char* op;
  Sliding sliding;
  TieRule ties;
  Accumulate accumulate;
  double alpha;
};

}  // namespace mpad
