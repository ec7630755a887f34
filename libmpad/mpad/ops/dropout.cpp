// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/core/dispatch.h>
#include <mpad/ops.h>
#include <mpad/ops/view_of.h>

#include <cuda/graph.h>
#include <kernels.h>

namespace mpad {
namespace {

void check(const Tensor& x, double p) {
  require(is_real(x.dtype()), "dropout: expected half, float or double, got {}", x.dtype());
  require(p >= 0 && p < 1, "dropout: expected a probability of 0 or more and below 1, got {}", p);
}

Tensor drop_by(const RandomSource& source, const Tensor& x, double p) {
  require(
      source.key || !cuda::is_recording(),
      "dropout: expected a key to draw by in a step that is recorded as a graph (RandomScope in random.h), got none "
      "(it would drop the same elements each time)");
  require(!source.key || source.key.device() == x.device(), "dropout: expected a key on {}, got one on {}",
          to_string(x.device()), to_string(source.key ? source.key.device() : x.device()));
  const auto drop = [p, source](const Tensor& from, const Tensor& to) {
    on(from.device(), [&](auto where) {
      kernels::dropout(where, p, {source.rng.seed(), source.rng.stream(), view_of(source.key), source.child},
                       from.view(), to.view());
    });
  };
  const Tensor y = empty_like(x);
  drop(x, y);
  record("dropout", {x}, y, [drop](const Tensor& grad_y, Gradients& gradients) { gradients.scale(0, grad_y, drop); });
  return y;
}

}  // namespace

Tensor dropout(const Tensor& x, double p, const Rng& rng) {
  check(x, p);
  return drop_by({.rng = rng}, x, p);
}

Tensor dropout(const Tensor& x, double p, bool training) {
  check(x, p);
  return training && p > 0 ? drop_by(next_source(), x, p) : x;
}

}  // namespace mpad
