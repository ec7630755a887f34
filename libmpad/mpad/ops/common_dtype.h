// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/tensor.h>

namespace mpad {

/// Throws Error, naming `op`, unless the inputs have one dtype, half, float or double; the bias may be empty.
void check_common_dtype(const char* op, const Tensor& x, const Tensor& weight, const Tensor& bias);

}  // namespace mpad
