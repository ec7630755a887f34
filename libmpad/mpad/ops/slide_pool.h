// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/ops.h>

namespace mpad {

/// Where a pool's windows lie over x, of this shape and dtype; a stride of 0 is the window. Throws Error, naming `op`,
/// if x is not real or the window does not fit or is padded by more than half of itself.
Sliding slide_pool(const char* op, const Shape& x, DType dtype, Window window, bool ceil_mode = false);

/// Those of a MaxPool, which has at most `most` elements.
Sliding slide_pool(const char* op, const Shape& x, DType dtype, const MaxPool2dOptions& options, int most);

/// The rule, for gradients of this dtype. Throws Error, naming `op`, if its weights are not finite in the type that
/// they are formed in.
const TieRule& with_finite_weights(const char* op, const TieRule& ties, Accumulate accumulate, DType dtype);

}  // namespace mpad
