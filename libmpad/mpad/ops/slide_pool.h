// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/ops.h>
#include <mpad/tape.h>

#include <functional>

namespace mpad {

/// Where a pool's windows lie over x, of this shape and dtype; a stride of 0 is the window. Throws Error, naming `op`,
/// if x is not real or the window does not fit or is padded by more than half of itself.
Sliding slide_pool(const char* op, const Shape& x, DType dtype, Window window, bool ceil_mode = false);

/// Those of a MaxPool, which has at most `most` elements.
Sliding slide_pool(const char* op, const Shape& x, DType dtype, const MaxPool2dOptions& options, int most);

/// The rule, for gradients of this dtype. Throws Error, naming `op`, if its weights are not finite in the type that
/// they are formed in.
const TieRule& with_finite_weights(const char* op, const TieRule& ties, Accumulate accumulate, DType dtype);

/// The rule of a backward pass of a pool that has `ties`, or the one that was chosen in its place; with residues for
/// weights, modulo a prime. Throws Error as with_finite_weights does.
TieRule rule_of(const Gradients& gradients, const char* op, const TieRule& ties, Accumulate accumulate, DType dtype);

/// Calls backward(grad_y, mask, grad_x) with these tensors or, modulo a prime, with theirs on the CPU, where a rule
/// that is known by its weights takes windows of any size.
void where_rules_run(const Gradients& gradients, const Tensor& grad_y, const Tensor& mask, const Tensor& grad_x,
                     const std::function<void(const Tensor&, const Tensor&, const Tensor&)>& backward);

}  // namespace mpad
