// SPDX-License-Identifier: MIT
// How a sliding window (of a convolution or a pool) covers an image.
#pragma once
#include <mpad/core/types.h>

#include <cstdint>

namespace mpad {

/// A value for height and one for width; one number means both.
struct Pair {
  std::int64_t h = 0, w = 0;
  constexpr Pair() = default;
  MPAD_HD constexpr Pair(std::int64_t both) : h(both), w(both) {}
  MPAD_HD constexpr Pair(std::int64_t height, std::int64_t width) : h(height), w(width) {}
  constexpr bool operator==(const Pair&) const = default;
};

inline std::string to_string(Pair pair) { return std::to_string(pair.h) + "x" + std::to_string(pair.w); }

/// A window that slides: kernel extent, stride, zero padding on each side, distance between taps.
struct Window {
  Pair kernel, stride = 1, pad = 0, dilation = 1;
  constexpr bool operator==(const Window&) const = default;

  MPAD_HD constexpr std::int64_t taps() const { return kernel.h * kernel.w; }
};

/// A window over a batch of images: input n,h,w,c and output n,oh,ow. Tap r of output row oh reads input row
/// oh * stride - pad + r * dilation; rows outside the image are padding.
struct Sliding {
  Window window;
  std::int64_t n = 0, h = 0, w = 0, c = 0, oh = 0, ow = 0;

  MPAD_HD constexpr std::int64_t row(std::int64_t out, std::int64_t tap) const {
    return out * window.stride.h - window.pad.h + tap * window.dilation.h;
  }
  MPAD_HD constexpr std::int64_t column(std::int64_t out, std::int64_t tap) const {
    return out * window.stride.w - window.pad.w + tap * window.dilation.w;
  }
};

/// Lays `window` over input n,h,w,c. With `ceil_mode` the last window may hang over the end of the padded image, but
/// always starts inside the image or its leading padding (PyTorch's rule). Throws Error, naming `op`, if the input is
/// not n,h,w,c, a parameter is out of range, or the window does not fit.
Sliding slide(const char* op, const Window& window, const Shape& input, bool ceil_mode = false);

}  // namespace mpad
