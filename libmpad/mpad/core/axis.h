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

/// `windows` windows over `size` places, as even as can be: PyTorch's adaptive pooling.
struct AdaptiveAxis {
  std::int64_t size, windows;

  /// From floor(window * size / windows) up to ceil((window + 1) * size / windows).
  MPAD_HD constexpr Range under(std::int64_t window) const {
    return {window * size / windows, ((window + 1) * size + windows - 1) / windows};
  }
  /// A place lies under a window if place * windows < (window + 1) * size and window * size < (place + 1) * windows:
  /// the same with the roles exchanged.
  MPAD_HD constexpr Range over(std::int64_t place) const { return AdaptiveAxis{windows, size}.under(place); }
};

/// The windows of an average over images.
template <class Along>
struct Averages {
  Along rows, columns;
  std::int64_t taps = 0;  ///< that each is divided by; 0: the number of places under the window

  MPAD_HD constexpr std::int64_t divisor(Range row_range, Range column_range) const {
    return taps > 0 ? taps : row_range.size() * column_range.size();
  }
};

MPAD_HD constexpr Averages<Axis> averages(const Sliding& s, bool count_padding) {
  return {vertical(s), horizontal(s), count_padding ? s.window.taps() : 0};
}
/// Of adaptive pooling from h x w to oh x ow.
MPAD_HD constexpr Averages<AdaptiveAxis> averages(Pair from, Pair to) { return {{from.h, to.h}, {from.w, to.w}}; }

}  // namespace mpad
