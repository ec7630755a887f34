// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/core/dispatch.h>
#include <mpad/ops.h>

#include <kernels.h>

namespace mpad {

std::int64_t count_nonfinite(const Tensor& x) {
  require(is_real(x.dtype()), "count_nonfinite: expected half, float or double, got {}", x.dtype());
  const Tensor count({}, DType::i32, x.device());
  on(x.device(), [&](auto where) { kernels::count_nonfinite(where, x.view(), count.view()); });
  return static_cast<std::int64_t>(count.item());
}

}  // namespace mpad
