// SPDX-License-Identifier: MIT
// Forward and data gradient: the same product, gathered over other taps.
#include "gather.h"

namespace mpad::kernels {
namespace {

Taps* fill_taps(std::int64_t count, Taps* to, std::int64_t kernel, std::int64_t extent, auto&& source_of) {
  for (std::int64_t i = 0; i < count; ++i)
    to[i] = find_taps(kernel, extent, [&](std::int64_t tap) { return source_of(i, tap); });
  return to + count;
}

}  // namespace

template <>
void conv2d_forward(Cpu, const Sliding& s, View x, View weight, View bias, bool relu, View y) {
  const Pair kernel = s.window.kernel;
  Taps* rows = scratch<Taps>(Scratch::taps, s.oh + s.ow);
  Taps* columns = fill_taps(s.oh, rows, kernel.h, s.h, [&](auto oh, auto r) { return s.row(oh, r); });
  fill_taps(s.ow, columns, kernel.w, s.w, [&](auto ow, auto q) { return s.column(ow, q); });
  const std::int64_t k = y.shape[3];
  const Gather g{s.n, {s.h, s.w, s.c}, {s.oh, s.ow, k}, kernel, rows, columns};
  with_type(x.dtype, [&]<class T>() {
    const Finish<T> finish{bias.data ? bias.as<const T>() : nullptr, relu};
    gather(g, x.as<const T>(), weight.as<const T>(), {s.c, 1, kernel.h * kernel.w * s.c}, finish, y.as<T>());
  });
}

template <>
void conv2d_backward_data(Cpu, const Sliding& s, View grad_y, View weight, View grad_x) {
  const Window& window = s.window;
  // The output whose tap lands on an input coordinate, or -1 where the stride skips it.
  const auto output = [](std::int64_t start, std::int64_t step) {
    return start < 0 || start % step ? std::int64_t{-1} : start / step;
  };
  Taps* rows = scratch<Taps>(Scratch::taps, s.h + s.w);
  Taps* columns = fill_taps(s.h, rows, window.kernel.h, s.oh, [&](auto h, auto r) {
    return output(h + window.pad.h - r * window.dilation.h, window.stride.h);
  });
  fill_taps(s.w, columns, window.kernel.w, s.ow,
            [&](auto w, auto q) { return output(w + window.pad.w - q * window.dilation.w, window.stride.w); });
  const std::int64_t k = grad_y.shape[3];
  const Gather g{s.n, {s.oh, s.ow, k}, {s.h, s.w, s.c}, window.kernel, rows, columns};
  with_type(grad_y.dtype, [&]<class T>() {
    gather<T>(g, grad_y.as<const T>(), weight.as<const T>(), {s.c, window.kernel.h * window.kernel.w * s.c, 1}, {},
              grad_x.as<T>());
  });
}

}  // namespace mpad::kernels
