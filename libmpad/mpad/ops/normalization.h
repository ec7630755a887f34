// SPDX-License-Identifier: MIT
// What the operations that end with a batch normalisation share.
#pragma once
#include <mpad/ops.h>

namespace mpad {

/// A batch normalisation's operands, checked, its statistics, still to be computed, and its output.
struct Normalization {
  /// Throws Error, naming `op`, on shapes, dtypes or devices that do not fit, or a batch of too few rows.
  Normalization(const char* op, const Tensor& x, const Tensor& gamma, const Tensor& beta, const Tensor& running_mean,
                const Tensor& running_var, const BatchNormOptions& options);

  /// The output, recorded, where mean and inv_std are there.
  Tensor normalized() const;

  Tensor x, gamma, beta, running_mean, running_var, mean, inv_std;
  BatchNormOptions options;
  Device device;
};

/// Whether normalisation and ReLU are to run one after the other: in one pass backward computes ReLU's input again, in
/// double where it is asked to, which may change its sign.
bool has_relu_apart(const BatchNormOptions& options);
/// The options of the normalisation then.
inline BatchNormOptions without_relu(BatchNormOptions options) {
  options.relu = false;
  return options;
}

}  // namespace mpad
