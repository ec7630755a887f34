// SPDX-License-Identifier: MIT
// The forward of every pool, of any geometry: a thread computes a pack of channels of one output. An `Ending` turns a
// window's maximum and ties into what is stored: `ending(best, y, mask)`.
#pragma once
#include "maxpool_place.cuh"

#include <cmath>

namespace mpad::kernels {

/// The maximum of the taps seen so far. NaN exceeds every number and equals NaN; before any tap it is -inf, untied.
template <class T, class M>
struct Best {
  acc_t<T> key = static_cast<acc_t<T>>(-INFINITY);
  T value = narrow<T>(static_cast<acc_t<T>>(-INFINITY));
  M tied = 0;

  __device__ void see(T x, M bit) {
    const acc_t<T> k = widen(x);
    const bool both_nan = k != k && key != key, wins = key == key && !(k <= key);
    const M joined = k == key || both_nan ? static_cast<M>(tied | bit) : tied;
    tied = wins ? bit : joined;
    value = wins ? x : value;
    key = wins ? k : key;
  }
};

template <class M>
__device__ inline M tap_bit(std::int64_t tap) {
  return static_cast<M>(std::uint64_t{1} << tap);
}

template <int size, class T, class M>
__device__ inline void see_window(const Sliding& s, const T* x, const PoolPlace& at, Best<T, M> (&best)[size]) {
  const auto& [kernel, stride, pad, dilation] = s.window;
  for (std::int64_t r = 0; r < kernel.h; ++r) {
    const std::int64_t h = s.row(at.h, r);
    if (h < 0 || h >= s.h) continue;
    for (std::int64_t q = 0; q < kernel.w; ++q) {
      const std::int64_t w = s.column(at.w, q);
      if (w < 0 || w >= s.w) continue;
      const auto tap = load<size>(x + ((at.n * s.h + h) * s.w + w) * s.c + at.c);
#pragma unroll
      for (int e = 0; e < size; ++e) best[e].see(tap.element[e], tap_bit<M>(r * kernel.w + q));
    }
  }
}

/// Output pack i, which is that of the window at `at`.
template <int size, class T, class M, class Ending>
__device__ inline void pool_window(const Sliding& s, const PoolPlace& at, std::int64_t i, const Ending& ending,
                                   const T* x, T* y, M* mask) {
  Best<T, M> best[size];
  see_window(s, x, at, best);
  Pack<T, size> values;
  Pack<M, size> masks;
#pragma unroll
  for (int e = 0; e < size; ++e) ending(best[e], values.element[e], masks.element[e]);
  store(y + i * size, values);
  store(mask + i * size, masks);
}

template <int size, class T, class M, class Ending>
__global__ void __launch_bounds__(pool_threads, 2)
    pool_windows(Sliding s, PoolGrid grid, Ending ending, const T* x, T* y, M* mask) {
  follow_kernels_before();
  const std::int64_t i = grid.index();
  if (grid.holds(i)) pool_window<size>(s, grid.place(i), i, ending, x, y, mask);
}

}  // namespace mpad::kernels
