// SPDX-License-Identifier: MIT
// Which windows hold an input element, and which of their taps lie in the image.
#pragma once
#include "isa.h"

#include <algorithm>
#include <cstdint>

namespace mpad::kernels {
namespace {

/// The windows along one axis that hold position `at`, moved forward one position at a time so that no step divides.
class Cover {
 public:
  Cover(std::int64_t at, std::int64_t windows, std::int64_t kernel, std::int64_t stride, std::int64_t pad,
        std::int64_t dilation)
      : windows_(windows), reach_(dilation * (kernel - 1)), stride_(stride), pad_(pad), dilation_(dilation) {
    first_ = std::max<std::int64_t>(0, (at + pad - reach_ + stride - 1) / stride);
    last_ = std::min(windows_ - 1, (at + pad) / stride);
    move_to(at);
  }

  void move_to(std::int64_t at) {
    at_ = at + pad_;
    while (first_ * stride_ + reach_ < at_) ++first_;
    while (last_ + 1 < windows_ && (last_ + 1) * stride_ <= at_) ++last_;
  }

  std::int64_t first() const { return first_; }

  /// Whether two windows hold this position, and of all only the second holds the next one.
  bool second_alone_holds_next() const {
    return dilation_ == 1 && last_ == first_ + 1 && first_ * stride_ + reach_ == at_ &&
           last_ * stride_ + reach_ > at_ && (last_ + 1 == windows_ || (last_ + 1) * stride_ > at_ + 1);
  }

  /// Calls f(window, tap) for each of them, in order.
  template <class F>
  void each(F&& f) const {
    for (std::int64_t window = first_; window <= last_; ++window) {
      const std::int64_t distance = at_ - window * stride_;
      if (dilation_ == 1)
        f(window, static_cast<int>(distance));
      else if (distance % dilation_ == 0)
        f(window, static_cast<int>(distance / dilation_));
    }
  }

 private:
  std::int64_t windows_, reach_, stride_, pad_, dilation_;
  std::int64_t at_ = 0, first_ = 0, last_ = 0;
};

/// The taps along one axis that lie in the image, of a window that begins at `first`: bit r * step for tap r.
inline std::uint64_t bits_inside(std::int64_t first, std::int64_t kernel, std::int64_t dilation, std::int64_t extent,
                                 std::int64_t step) {
  std::uint64_t bits = 0;
  for (std::int64_t r = 0, at = first; r < kernel; ++r, at += dilation)
    if (at >= 0 && at < extent) bits |= std::uint64_t{1} << r * step;
  return bits;
}

/// A window that holds an input element: flat index of its output in channel 0, the tap that the element is, and the
/// taps that lie in the image (for sums that ask for them).
struct Holder {
  std::int64_t output;
  int tap;
  std::uint64_t inside;
};

/// The windows that hold one input element.
struct Holders {
  static constexpr int max_count = 64;
  int count = 0;
  Holder window[max_count];
};

}  // namespace
}  // namespace mpad::kernels
