// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/residues.h>

namespace mpad {

/// What a normalisation's backward pass multiplies by, as residues: x ...,c and mean, inv_std and gamma c.
struct BatchNormResidues {
  Tensor mean, inv_std, gamma, x;
  bool training;  ///< the statistics are those of x, and follow it
};

struct BatchNormGradients {
  Tensor x, gamma, beta;
};

/// The gradients' residues, given those of the gradient of the output. Throws Error if the prime divides the number of
/// values of a channel.
BatchNormGradients batch_norm_backward(const PrimeField& field, const BatchNormResidues& norm, const Tensor& grad_y);

}  // namespace mpad
