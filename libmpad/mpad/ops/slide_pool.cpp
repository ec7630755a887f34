// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/ops/slide_pool.h>

namespace mpad {

Sliding slide_pool(const char* op, const Tensor& x, const MaxPool2dOptions& options, int most) {
  require(is_real(x.dtype()), "{}: expected half, float or double, got {}", op, x.dtype());
  const Pair stride = options.stride == Pair(0) ? options.window : options.stride;
  const Sliding s = slide(op, {options.window, stride, options.pad, options.dilation}, x.shape(), options.ceil_mode);
  require(s.window.taps() <= most, "{}: expected a window of at most {} elements, got {}", op, most,
          to_string(options.window));
  require(2 * options.pad.h <= options.window.h && 2 * options.pad.w <= options.window.w,
          "{}: expected a padding of at most half the window {}, got {}", op, to_string(options.window),
          to_string(options.pad));
  return s;
}

}  // namespace mpad
