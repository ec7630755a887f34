// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/nn/module.h>

#include <string>

namespace mpad {

/// Where a loss that is not finite comes from, as a name such as "features.3 (MaxPool2d)": a parameter that is not,
/// else the first module, in the order in which they end, whose output is not, or "the loss" if all are. Runs the model
/// on the images once more, as it is, and sets its running statistics back.
std::string first_nonfinite(Module& model, const Tensor& images);

}  // namespace mpad
