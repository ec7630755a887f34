// SPDX-License-Identifier: MIT
// Forward of a convolution, ReLU and a pool of 2x2: the sums of a window are of one thread, or of four lanes of a warp,
// so what is pooled is never stored.
#include "conv2d_forward.cuh"
#include "maxpool_square.cuh"
#include "relu_maxpool.cuh"
#include "transpose_lanes.cuh"

#include <kernels.h>

#include <cstring>

namespace mpad::kernels {
namespace {

using Code = std::uint8_t;
constexpr int window_taps = 4;

/// Maxima of adjacent channels, and their codes.
template <class T, int size>
struct Pooled {
  Pack<T, size> y;
  Pack<Code, size> code;

  __device__ explicit Pooled(const Pack<T, size> (&taps)[window_taps]) {
    std::memcpy(tap_, taps, sizeof(taps));
    Maxima<V, words> best(tap_, true);
    if (settle(tap_, best, true))
      take(best);
    else
      see(taps);
  }

 private:
  using V = Lanes<T>;
  static constexpr int words = size * static_cast<int>(sizeof(T)) / static_cast<int>(sizeof(V));

  __device__ static ReluMaximum ending() { return {window_taps}; }
  __device__ void take(const Maxima<V, words>& best) {
    constexpr std::uint32_t all_inside = ~0u;
    Pack<V, words> values;
    take_maxima(best, all_inside, ending(), values, code);
    std::memcpy(&y, &values, sizeof(y));
  }
  /// Where there is a NaN.
  __device__ void see(const Pack<T, size> (&taps)[window_taps]) {
#pragma unroll
    for (int e = 0; e < size; ++e) {
      Best<T, Code> best;
#pragma unroll
      for (int tap = 0; tap < window_taps; ++tap) best.see(taps[tap].element[e], tap_bit<Code>(tap));
      ending()(best, y.element[e], code.element[e]);
    }
  }

  Pack<V, words> tap_[window_taps];
};

/// Where the maxima of windows go, out of sums of WindowPatches.
template <class T>
struct WindowDestination {
  T* y;
  Code* code;
  Bias<T> bias;
  std::int64_t m;  // sums of each channel
  int n;
  bool in_runs;  // as in Destination, for y and code

  template <class Product>
  __device__ void store_tile(const Product& product, std::int64_t first_row, int first_column) const {
    constexpr int lanes = Product::lanes_of_row;
    const int tap = Product::row(0) % window_taps;
#pragma unroll
    for (int i = 0; i < Product::rows; ++i)
#pragma unroll
      for (int j = 0; j < Product::runs; j += window_taps) {
        decltype(bias(product.run(i, j), 0, n)) runs[window_taps];
#pragma unroll
        for (int r = 0; r < window_taps; ++r)
          runs[r] = bias(product.run(i, j + r), first_column + Product::column(j + r), n);
        // From one tap of four runs to the four taps of one run.
        transpose_lanes<lanes>(runs, tap);
        store((first_row + Product::row(i)) / window_taps, first_column + Product::column(j + tap), runs);
      }
  }

 private:
  template <int run>
  __device__ void store(std::int64_t window, int column, const Pack<T, run> (&taps)[window_taps]) const {
    if (window * window_taps >= m || column >= n) return;
    const Pooled<T, run> pooled(taps);
    const std::int64_t at = window * n + column;
    store_run(y + at, pooled.y, column, n, in_runs);
    store_run(code + at, pooled.code, column, n, in_runs);
  }
};

/// The same behind a stem of floats or doubles: a thread has the four taps of a window.
template <class T>
struct StemWindows {
  using Patches = WindowPatches<T>;
  static_assert(StemTile::pixels == window_taps);
  T* y;
  Code* code;
  Bias<T> bias;
  bool packed, code_packed;

  __device__ static unsigned pixel(unsigned slot, int p) { return slot * window_taps + static_cast<unsigned>(p); }
  __device__ void store(const Pack<acc_t<T>, StemTile::group> (&sums)[window_taps], unsigned first, unsigned slot,
                        unsigned rows, int channel, int k) const {
    const std::int64_t window = std::int64_t{first / window_taps} + slot;
    if (window * window_taps >= rows) return;
    Pack<T, StemTile::group> taps[window_taps];
#pragma unroll
    for (int tap = 0; tap < window_taps; ++tap) taps[tap] = bias(sums[tap], channel, k);
    const Pooled<T, StemTile::group> pooled(taps);
    store_group(pooled.y, packed, k - channel, y + window * k + channel);
    store_group(pooled.code, code_packed, k - channel, code + window * k + channel);
  }
};

/// Whether the pool is one of 2x2 windows side by side, none of which hangs over the end.
bool has_whole_windows(const Sliding& pool) {
  return pool.window == Window{2, 2} && pool.oh == pool.h / 2 && pool.ow == pool.w / 2;
}

/// In one pass; false where sums are cut into parts or go place by place.
template <class T>
bool in_one_pass(const char* op, Cuda where, const Sliding& s, View x, View weight, View bias, View y, View code) {
  const std::int64_t k = y.shape[3];
  const auto patches = window_patches(s, x.as<const T>());
  const auto weights = weight_matrix(s, k, weight.as<const T>());
  const Bias<T> add = bias_of<T>(bias);
  T* const to_y = y.as<T>();
  Code* const to_code = code.as<Code>();
  const bool in_runs = rows_in_runs(to_y, k) && is_aligned<4>(to_code);
  const WindowDestination<T> destination{to_y, to_code, add, patches.rows, static_cast<int>(k), in_runs};
  if (is_stem<T>(patches)) {
    if constexpr (std::is_same_v<T, half>) {
      multiply_stem(op, where, patches, weights, destination);
    } else {
      const bool code_packed = stores_packs(to_y, weights.rows) && k % StemTile::group == 0 && is_aligned<8>(to_code);
      stem(op, where, patches, weights,
           StemWindows<T>{to_y, to_code, add, stores_packs(to_y, weights.rows), code_packed});
    }
    return true;
  }
  // As the convolution alone is cut, so that bits are the same.
  const PlacedCut<T> cut = cut_patches(input_patches(s, x.as<const T>()), static_cast<int>(k));
  if (!cut.takes_along()) return false;
  multiply_whole(op, where, patches, weights, cut, destination);
  return true;
}

}  // namespace

template <>
void conv2d_relu_maxpool_forward(Cuda where, const Sliding& s, const Sliding& pool, View x, View weight, View bias,
                                 View y, View code) {
  constexpr const char* op = "conv2d_relu_maxpool";
  check_limits(op, s, pool.c);
  with_type(x.dtype, [&]<class T>() {
    if (has_whole_windows(pool) && in_one_pass<T>(op, where, s, x, weight, bias, y, code)) return;
    const Shape shape{pool.n, pool.h, pool.w, pool.c};
    const View between{cuda::scratch<T>(where, Scratch::convolution, shape.numel()), x.dtype, shape};
    conv2d_forward(where, s, x, weight, bias, false, between);
    relu_maxpool_forward(where, pool, between, y, code);
  });
}

}  // namespace mpad::kernels
