// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/tape.h>

namespace mpad {

/// The factors of a gradient that is a sum over images.
struct Terms {
  Tensor x, grad_y;
};

/// What forward saved of x n,... and the gradient n,... as this pass sums over them: in the order that its choices ask
/// for, which is that of the images unless they name a seed.
Terms summed_terms(const Gradients& gradients, const Tensor& x, const Tensor& grad_y);

}  // namespace mpad
