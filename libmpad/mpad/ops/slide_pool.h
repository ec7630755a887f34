// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/ops.h>

namespace mpad {

/// Lays the options' windows over x. Throws Error, naming `op`, where they do not fit or have more than `most`
/// elements.
Sliding slide_pool(const char* op, const Tensor& x, const MaxPool2dOptions& options, int most);

}  // namespace mpad
