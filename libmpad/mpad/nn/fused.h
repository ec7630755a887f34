// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/nn/module.h>

namespace mpad {

/// second(first(x)) in one pass, where an operation does both faster and nobody observes calls: the bits are the same.
/// Elsewhere an empty tensor.
Tensor call_fused(Module& first, Module& second, const Tensor& x);

/// second(first(x)), in one pass where call_fused does.
Tensor call_both(Module& first, Module& second, const Tensor& x);

}  // namespace mpad
