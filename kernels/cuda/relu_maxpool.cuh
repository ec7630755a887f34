// SPDX-License-Identifier: MIT
#pragma once
#include "lanes.cuh"
#include "maxpool_window.cuh"

namespace mpad::kernels {

/// The maximum of max(x, 0), and the code: where x has no positive element, every tap in the image is a maximum, so the
/// flag says so and the bits say which are zeros.
struct ReluMaximum {
  static constexpr bool relu = true;
  int taps;
  template <class T, class M>
  __device__ void operator()(const Best<T, M>& best, T& y, M& code) const {
    const M none = 0, flag = tap_bit<M>(taps), zeros = best.key == 0 ? best.tied : none;
    const bool flat = best.key <= 0 && best.tied != none;
    y = flat ? narrow<T>(0) : best.value;
    code = flat ? static_cast<M>(flag | zeros) : best.tied;
  }
  /// The value is max(x, 0) already, and the bits are those of what equals it.
  template <class V>
  __device__ void lanes(V& value, std::uint32_t& code) const {
    code |= equal(value, V{}) & in_each_lane<V>(1u << taps);
  }
};

}  // namespace mpad::kernels
