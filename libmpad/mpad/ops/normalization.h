// SPDX-License-Identifier: MIT
// What the operations that end with a batch normalisation share.
#pragma once
#include <mpad/ops.h>

namespace mpad {

/// A batch normalisation's operands, checked, its statistics, still to be computed, and its output.
struct Normalization {
  /// Throws Error, naming `op`, on shapes, dtypes or devices that do not fit, or a batch of too few rows.
  Normalization(const char* op, const Tensor& x, const Tensor& gamma, const Tensor& beta, const Tensor& running_mean,
                const Tensor& running_var, const BatchNormOptions& options, const Tensor& addend);

  /// The output, recorded, where mean and inv_std are there.
  Tensor normalized() const;

  Tensor x, gamma, beta, running_mean, running_var, addend, mean, inv_std;
  BatchNormOptions options;
  Device device;
};

}  // namespace mpad
