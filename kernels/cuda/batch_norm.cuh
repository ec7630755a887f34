// SPDX-License-Identifier: MIT
#pragma once
#include "row_tiles.cuh"

#include <kernels.h>

#include <type_traits>

namespace mpad::kernels {

/// What BatchNorm says, for the device.
template <class T>
struct NormParameters {
  using A = acc_t<T>;
  const A *mean, *inv_std;
  const T *gamma, *beta;

  explicit NormParameters(const BatchNorm& norm)
      : mean(norm.mean.as<const A>()),
        inv_std(norm.inv_std.as<const A>()),
        gamma(norm.gamma.as<const T>()),
        beta(norm.beta.as<const T>()) {}
};

/// The same for the channels of a pack, in registers: an affine function of x.
template <class T, int size>
struct Normalize {
  using A = acc_t<T>;
  A mean[size], scale[size], beta[size];

  __device__ Normalize(const NormParameters<T>& norm, std::int64_t channel) {
    for (int i = 0; i < size; ++i) {
      mean[i] = norm.mean[channel + i];
      scale[i] = widen(norm.gamma[channel + i]) * norm.inv_std[channel + i];
      beta[i] = widen(norm.beta[channel + i]);
    }
  }
  /// Not rounded to T yet.
  __device__ A operator()(A x, int i) const { return (x - mean[i]) * scale[i] + beta[i]; }
};

/// Calls f(tiles, std::integral_constant<int, size>) with the largest packs that the channels and all arrays allow.
template <class T, class F>
void with_row_tiles(const View& x, std::initializer_list<const void*> arrays, const F& f) {
  const std::int64_t channels = x.shape[x.shape.rank() - 1], rows = x.numel() / channels;
  constexpr int full = full_pack<T>;
  const int best = channels % full == 0 ? full : 1;
  const bool aligned = std::all_of(arrays.begin(), arrays.end(),
                                   [](const void* p) { return is_aligned<full>(static_cast<const T*>(p)); });
  if (best == full && aligned)
    f(RowTiles(rows, channels, best, full), std::integral_constant<int, full>());
  else
    f(RowTiles(rows, channels, best, 1), std::integral_constant<int, 1>());
}

/// Calls f(std::bool_constant<value>).
template <class F>
void with_bool(bool value, const F& f) {
  if (value)
    f(std::true_type());
  else
    f(std::false_type());
}

}  // namespace mpad::kernels
