// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/core/half.h>
#include <mpad/ops/slide_pool.h>
#include <mpad/residues.h>

#include <cmath>

namespace mpad {
namespace {

bool is_finite_in(DType dtype, double value) {
  bool finite = false;
  with_type(dtype, [&]<class T>() { finite = std::isfinite(static_cast<double>(round_to<T>(value))); });
  return finite;
}

}  // namespace

Sliding slide_pool(const char* op, const Shape& x, DType dtype, Window window, bool ceil_mode) {
  require(is_real(dtype), "{}: expected half, float or double, got {}", op, dtype);
  if (window.stride == Pair(0)) window.stride = window.kernel;
  const Sliding s = slide(op, window, x, ceil_mode);
  require(2 * window.pad.h <= window.kernel.h && 2 * window.pad.w <= window.kernel.w,
          "{}: expected a padding of at most half the window {}, got {}", op, to_string(window.kernel),
          to_string(window.pad));
  return s;
}

Sliding slide_pool(const char* op, const Shape& x, DType dtype, const MaxPool2dOptions& options, int most) {
  const Sliding s =
      slide_pool(op, x, dtype, {options.window, options.stride, options.pad, options.dilation}, options.ceil_mode);
  require(s.window.taps() <= most, "{}: expected a window of at most {} elements, got {}", op, most,
          to_string(options.window));
  return s;
}

const TieRule& with_finite_weights(const char* op, const TieRule& ties, Accumulate accumulate, DType dtype) {
  const DType formed_in = accumulate == Accumulate::wide ? acc_dtype(dtype) : dtype;
  require(ties.kind() != TieRule::Kind::beta || is_finite_in(formed_in, ties.beta()),
          "{}: expected a B that is finite in {}, in which weights are formed, got {}", op, formed_in, ties.name());
  return ties;
}

TieRule rule_of(const Gradients& gradients, const char* op, const TieRule& ties, Accumulate accumulate, DType dtype) {
  const std::optional<TieRule>& chosen = gradients.choices().ties;
  const TieRule& rule = with_finite_weights(op, chosen ? *chosen : ties, accumulate, dtype);
  return gradients.field() ? over(*gradients.field(), rule) : rule;
}

void where_rules_run(const Gradients& gradients, const Tensor& grad_y, const Tensor& mask, const Tensor& grad_x,
                     const std::function<void(const Tensor&, const Tensor&, const Tensor&)>& backward) {
  if (!gradients.field()) return backward(grad_y, mask, grad_x);
  const Tensor on_cpu(grad_x.shape(), grad_x.dtype());
  backward(grad_y.to(Device::cpu), mask.to(Device::cpu), on_cpu);
  grad_x.copy_from(on_cpu);
}

}  // namespace mpad
