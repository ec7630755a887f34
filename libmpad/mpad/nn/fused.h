// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/nn/layers.h>

namespace mpad {

/// second(first(x)) in one pass, where an operation does both faster and nobody observes calls; elsewhere an empty
/// tensor. The bits are the same, but where conv2d_batch_norm sums a batch's statistics in another order.
Tensor call_fused(Module& first, Module& second, const Tensor& x);

/// second(first(x)), in one pass where call_fused does.
Tensor call_both(Module& first, Module& second, const Tensor& x);

/// add_relu(second(first(x)), addend, alpha), the normalisation that `second` may be, the sum and ReLU in one pass
/// unless somebody observes calls.
Tensor call_add_relu(Conv2d& first, Module& second, const Tensor& x, const Tensor& addend, double alpha);

}  // namespace mpad
