// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/nn/module.h>

namespace mpad {

/// second(first(x)) in one pass, where an operation does both faster and nobody observes calls; elsewhere an empty
/// tensor. The bits are the same, but where conv2d_batch_norm sums a batch's statistics in another order.
Tensor call_fused(Module& first, Module& second, const Tensor& x);

/// second(first(x)), in one pass where call_fused does.
Tensor call_both(Module& first, Module& second, const Tensor& x);

}  // namespace mpad
