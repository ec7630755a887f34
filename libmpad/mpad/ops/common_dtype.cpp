// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/ops/common_dtype.h>

namespace mpad {

void check_common_dtype(const char* op, const Tensor& x, const Tensor& weight, const Tensor& bias) {
  require(is_real(x.dtype()) && x.dtype() == weight.dtype() && (!bias || x.dtype() == bias.dtype()),
          "{}: expected one real dtype, got input {}, weight {}{}", op, x.dtype(), weight.dtype(),
          bias ? fmt::format(", bias {}", bias.dtype()) : "");
}

}  // namespace mpad
