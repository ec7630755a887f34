// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/tensor.h>

namespace mpad {

/// A tensor's view, or one without data where the tensor is empty: how kernels are told that there is none.
inline View view_of(const Tensor& tensor) { return tensor ? tensor.view() : View{}; }

}  // namespace mpad
