// SPDX-License-Identifier: MIT
// Pools called as kernels, on any backend, with results on the CPU; and an independent reference in double.
#pragma once
#include "kernel_run.h"

#include <mpad/core/geometry.h>
#include <mpad/core/jacobian.h>

#include <kernels.h>

#include <limits>

namespace mpad::test {

struct Pooled {
  Sliding sliding;
  Tensor y, mask;
};

inline Shape input_of(const Sliding& s) { return {s.n, s.h, s.w, s.c}; }
inline Shape output_of(const Sliding& s) { return {s.n, s.oh, s.ow, s.c}; }

template <class Where>
Pooled pool(Where where, const Sliding& s, const Tensor& x) {
  const std::vector<Output> outputs{{output_of(s), x.dtype()}, {output_of(s), mask_dtype(s.window.taps())}};
  const std::vector<Tensor> out = run_kernel(
      where, {x}, outputs, [&](auto in, auto to) { kernels::maxpool_forward(where, s, in[0], to[0], to[1]); });
  return {s, out[0], out[1]};
}

template <class Where>
Tensor unpool(Where where, const Pooled& pooled, const Tensor& grad_y, const TieRule& rule,
              Accumulate accumulate = Accumulate::wide) {
  const Sliding& s = pooled.sliding;
  return run_kernel(where, {grad_y, pooled.mask}, {{input_of(s), grad_y.dtype()}}, [&](auto in, auto to) {
    kernels::maxpool_backward(where, s, rule, accumulate, in[0], in[1], to[0]);
  })[0];
}

inline std::vector<std::uint64_t> masks_of(const Tensor& mask) {
  std::vector<std::uint64_t> masks;
  with_mask_type(mask.dtype(), [&]<class M>() {
    for (M m : mask.span<M>()) masks.push_back(m);
  });
  return masks;
}

/// The same bits, but for the payload of a NaN, which conversions of half do not keep everywhere.
inline bool same_numbers(const Tensor& a, const Tensor& b) {
  const std::vector<double> left = a.values(), right = b.values();
  for (std::size_t i = 0; i < left.size(); ++i) {
    if (std::isnan(left[i]) && std::isnan(right[i])) continue;
    if (left[i] != right[i] || std::signbit(left[i]) != std::signbit(right[i])) return false;
  }
  return a.shape() == b.shape() && a.dtype() == b.dtype();
}

/// Calls f(output index, tap, input index) for each tap that lies in the image, windows and taps in row-major order.
template <class F>
void each_tap(const Sliding& s, F&& f) {
  std::size_t o = 0;
  for (std::int64_t n = 0; n < s.n; ++n)
    for (std::int64_t oh = 0; oh < s.oh; ++oh)
      for (std::int64_t ow = 0; ow < s.ow; ++ow)
        for (std::int64_t c = 0; c < s.c; ++c, ++o)
          for (int i = 0; i < s.window.taps(); ++i) {
            const std::int64_t h =
                oh * s.window.stride.h - s.window.pad.h + i / s.window.kernel.w * s.window.dilation.h;
            const std::int64_t w =
                ow * s.window.stride.w - s.window.pad.w + i % s.window.kernel.w * s.window.dilation.w;
            if (h < 0 || w < 0 || h >= s.h || w >= s.w) continue;
            f(o, i, static_cast<std::size_t>(((n * s.h + h) * s.w + w) * s.c + c));
          }
}

struct Reference {
  std::vector<double> y;
  std::vector<std::uint64_t> mask;
};

inline Reference reference_pool(const Sliding& s, const std::vector<double>& x) {
  const auto outputs = static_cast<std::size_t>(s.n * s.oh * s.ow * s.c);
  Reference want{std::vector<double>(outputs, -INFINITY), std::vector<std::uint64_t>(outputs, 0)};
  each_tap(s, [&](std::size_t o, int, std::size_t i) {
    if (std::isnan(x[i]) || x[i] > want.y[o]) want.y[o] = std::isnan(want.y[o]) ? want.y[o] : x[i];
  });
  each_tap(s, [&](std::size_t o, int tap, std::size_t i) {
    const bool both_nan = std::isnan(x[i]) && std::isnan(want.y[o]);
    if (x[i] == want.y[o] || both_nan) want.mask[o] |= std::uint64_t{1} << tap;
  });
  return want;
}

/// Scatter of the family's definition in double: weights beta / k + (1 - beta) [first].
inline std::vector<double> reference_unpool(const Sliding& s, const Reference& pooled,
                                            const std::vector<double>& grad_y, double beta) {
  std::vector<double> grad_x(static_cast<std::size_t>(s.n * s.h * s.w * s.c), 0);
  each_tap(s, [&](std::size_t o, int tap, std::size_t i) {
    const std::uint64_t mask = pooled.mask[o];
    if ((mask >> tap & 1) == 0) return;
    int count = 0, first = -1;
    for (int bit = 63; bit >= 0; --bit)
      if (mask >> bit & 1) ++count, first = bit;
    grad_x[i] += grad_y[o] * (beta / count + (tap == first ? 1 - beta : 0));
  });
  return grad_x;
}

/// x rounded to nearest even in the format of dtype, from its definition.
inline double round_to(double x, DType dtype) {
  if (dtype == DType::f64 || x == 0 || !std::isfinite(x)) return x;
  const int digits = dtype == DType::f16 ? 11 : 24, least = dtype == DType::f16 ? -14 : -126;
  const double last_place = std::ldexp(1.0, std::max(std::ilogb(x), least) - digits + 1);
  const double rounded = std::nearbyint(x / last_place) * last_place;
  const double largest = dtype == DType::f16 ? 65504 : std::numeric_limits<float>::max();
  return std::abs(rounded) > largest ? std::copysign(INFINITY, x) : rounded;
}

/// A geometry drawn from `seed` that fits its input; windows of at most 16 elements.
inline Sliding random_sliding(std::uint64_t seed) {
  for (std::uint64_t attempt = 0;; ++attempt) {
    std::uint32_t draw = 0;
    const auto below = [&](std::uint32_t count) {
      return static_cast<std::int64_t>(uniform_below(Philox(seed, attempt, 100 + draw++).word[0], count));
    };
    Window window{{1 + below(4), 1 + below(4)}, {1 + below(3), 1 + below(3)}, 0, {1 + below(2), 1 + below(2)}};
    window.pad = {below(static_cast<std::uint32_t>(window.kernel.h / 2 + 1)),
                  below(static_cast<std::uint32_t>(window.kernel.w / 2 + 1))};
    try {
      return slide("test", window, {1 + below(2), 1 + below(9), 1 + below(9), 1 + below(5)}, below(2) == 1);
    } catch (const Error&) {  // the window does not fit: draw again
    }
  }
}

}  // namespace mpad::test
