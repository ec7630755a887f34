// SPDX-License-Identifier: MIT
// Sliding windows along one axis of an image.
#pragma once
#include <mpad/core/geometry.h>

namespace mpad {

/// Places from `begin` up to `end`, which is not one of them.
struct Range {
  std::int64_t begin, end;
  MPAD_HD constexpr std::int64_t size() const { return end - begin; }
};

/// `windows` windows of `kernel` adjacent taps (no dilation) over `size` places with padding on both sides.
struct Axis {
  std::int64_t size, windows, kernel, stride, pad;

  /// The places under a window.
  MPAD_HD constexpr Range under(std::int64_t window) const {
    const std::int64_t begin = window * stride - pad, end = begin + kernel;
    return {begin > 0 ? begin : 0, end < size ? end : size};
  }
  /// The windows that hold a place.
  MPAD_HD constexpr Range over(std::int64_t place) const {
    const std::int64_t reach = place + pad - kernel, last = (place + pad) / stride;
    return {reach < 0 ? 0 : reach / stride + 1, last < windows ? last + 1 : windows};
  }
};

MPAD_HD constexpr Axis vertical(const Sliding& s) {
  return {s.h, s.oh, s.window.kernel.h, s.window.stride.h, s.window.pad.h};
}
MPAD_HD constexpr Axis horizontal(const Sliding& s) {
  return {s.w, s.ow, s.window.kernel.w, s.window.stride.w, s.window.pad.w};
}

/// Taps that an average over the window divides by.
MPAD_HD constexpr std::int64_t divisor(const Sliding& s, bool count_padding, Range rows, Range columns) {
  return count_padding ? s.window.taps() : rows.size() * columns.size();
}

}  // namespace mpad
