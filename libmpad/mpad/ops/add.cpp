// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/core/dispatch.h>
#include <mpad/ops.h>
#include <mpad/ops/common_device.h>

#include <kernels.h>

namespace mpad {

Tensor add(const Tensor& a, const Tensor& b) {
  require(a.shape() == b.shape() && a.dtype() == b.dtype(), "add: expected two tensors alike, got {} {} and {} {}",
          to_string(a.dtype()), a.shape(), to_string(b.dtype()), b.shape());
  require(is_real(a.dtype()), "add: expected half, float or double, got {}", a.dtype());
  const Tensor y = empty_like(a);
  on(common_device("add", {a, b}), [&](auto where) { kernels::add(where, a.view(), b.view(), y.view()); });
  record("add", {a, b}, y, [](const Tensor& grad_y, Gradients& gradients) {
    for (int i : {0, 1})
      if (gradients.wanted(i)) gradients.set(i, grad_y);
  });
  return y;
}

}  // namespace mpad
