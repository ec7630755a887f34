// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/core/dispatch.h>
#include <mpad/ops.h>

#include <cuda/graph.h>
#include <kernels.h>

namespace mpad {
namespace {

void check(const Tensor& x, double p) {
  require(is_real(x.dtype()), "dropout: expected half, float or double, got {}", x.dtype());
  require(p >= 0 && p < 1, "dropout: expected a probability of 0 or more and below 1, got {}", p);
}

}  // namespace

Tensor dropout(const Tensor& x, double p, const Rng& rng) {
  check(x, p);
  require(!cuda::is_recording(),
          "dropout: expected a step that is not recorded as a graph, got one (it would drop the "
          "same elements each time)");
  const auto drop = [p, rng](const Tensor& from, const Tensor& to) {
    on(from.device(),
       [&](auto where) { kernels::dropout(where, p, rng.seed(), rng.stream(), from.view(), to.view()); });
  };
  const Tensor y = empty_like(x);
  drop(x, y);
  record("dropout", {x}, y, [drop](const Tensor& grad_y, Gradients& gradients) { drop(grad_y, gradients.into(0)); });
  return y;
}

Tensor dropout(const Tensor& x, double p, bool training) {
  check(x, p);
  return training && p > 0 ? dropout(x, p, next_rng()) : x;
}

}  // namespace mpad
