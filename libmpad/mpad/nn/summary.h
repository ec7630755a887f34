// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/nn/module.h>

#include <string>
#include <vector>

namespace mpad {

/// One call of a layer, a module without children that makes something new of its input.
struct LayerSummary {
  std::string path, what;  ///< "features.0", "Conv2d(3, 64, kernel 3x3, ...)"
  Shape output{};
  std::int64_t parameters = 0;        ///< trained scalars
  std::int64_t multiply_adds = 0;     ///< of convolutions and linear layers, padding counted
  std::int64_t activation_bytes = 0;  ///< of the output
};

/// What a model is and takes, for the batch that it was asked for.
struct ModelSummary {
  std::vector<LayerSummary> layers{};  ///< in the order of their calls
  std::int64_t parameters = 0, multiply_adds = 0, activation_bytes = 0;
  std::int64_t kept_bytes = 0;  ///< in use behind a recorded forward and not before: output and what backward needs
};

/// Runs the model once, forward, in evaluation mode, on zeros of this shape (n,h,w,c), dtype and device of the model's
/// parameters; leaves it as it was. Operations that are no modules, such as the sum in a residual block, are not
/// listed.
ModelSummary summary(Module& model, const Shape& input);

/// As a table: a line for each layer, and the totals.
std::string to_string(const ModelSummary& summary);

}  // namespace mpad
