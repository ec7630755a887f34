// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/tensor.h>

namespace mpad {

/// PyTorch's default for weights and biases: uniform in +-1/sqrt(fan_in) (Kaiming uniform with a = sqrt(5)), from the
/// next stream of this thread's seed.
void init_default(const Tensor& tensor, double fan_in);

}  // namespace mpad
