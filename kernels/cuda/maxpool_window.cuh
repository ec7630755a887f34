// SPDX-License-Identifier: MIT
// The forward of every pool: a thread computes a pack of channels of one output. An `Ending` turns a window's maximum
// and ties into what is stored: `ending(best, y, mask)`.
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

/// A KxK window of stride 2: all loads first, then the comparisons.
template <int K, int size, class T, class M>
__device__ inline void see_square(const Sliding& s, const T* x, const PoolPlace& at, Best<T, M> (&best)[size]) {
  Pack<T, size> tap[K * K];
  bool inside[K * K];
  MPAD_UNROLL
  for (int i = 0; i < K * K; ++i) {
    const std::int64_t h = s.row(at.h, i / K), w = s.column(at.w, i % K);
    inside[i] = h >= 0 && h < s.h && w >= 0 && w < s.w;
    if (inside[i]) tap[i] = load<size>(x + ((at.n * s.h + h) * s.w + w) * s.c + at.c);
  }
  MPAD_UNROLL
  for (int i = 0; i < K * K; ++i) {
    if (!inside[i]) continue;
    MPAD_UNROLL
    for (int e = 0; e < size; ++e) best[e].see(tap[i].element[e], tap_bit<M>(i));
  }
}

template <int size, class T, class M>
__device__ inline void see_any(const Sliding& s, const T* x, const PoolPlace& at, Best<T, M> (&best)[size]) {
  const auto& [kernel, stride, pad, dilation] = s.window;
  for (std::int64_t r = 0; r < kernel.h; ++r) {
    const std::int64_t h = s.row(at.h, r);
    if (h < 0 || h >= s.h) continue;
    for (std::int64_t q = 0; q < kernel.w; ++q) {
      const std::int64_t w = s.column(at.w, q);
      if (w < 0 || w >= s.w) continue;
      const auto tap = load<size>(x + ((at.n * s.h + h) * s.w + w) * s.c + at.c);
      MPAD_UNROLL
      for (int e = 0; e < size; ++e) best[e].see(tap.element[e], tap_bit<M>(r * kernel.w + q));
    }
  }
}

/// K is the window's kernel where special_kernel names one, else 0.
template <int K, int size, class T, class M, class Ending>
__global__ void __launch_bounds__(pool_threads, 2)
    pool_windows(Sliding s, PoolGrid grid, Ending ending, const T* x, T* y, M* mask) {
  const std::int64_t i = grid.index();
  if (!grid.holds(i)) return;
  const PoolPlace at = grid.place(i);
  Best<T, M> best[size];
  if constexpr (K > 0) {
    s.window = {K, 2, s.window.pad, 1};
    see_square<K>(s, x, at, best);
  } else {
    see_any(s, x, at, best);
  }
  Pack<T, size> values;
  Pack<M, size> masks;
  MPAD_UNROLL
  for (int e = 0; e < size; ++e) ending(best[e], values.element[e], masks.element[e]);
  store(y + i * size, values);
  store(mask + i * size, masks);
}

/// Runs the pool, and names the operation if the launch fails.
template <class T, class M, class Ending>
void slide_over(const char* op, Cuda where, const Sliding& s, const Ending& ending, View x, View y, View mask) {
  const auto run = [&](auto kernel, int size) {
    const PoolGrid grid(s.n, s.oh, s.ow, s.c, size);
    launch(op, kernel, grid.blocks(), dim3(pool_threads), 0, static_cast<cudaStream_t>(where.stream), s, grid, ending,
           x.as<const T>(), y.as<T>(), mask.as<M>());
  };
  constexpr int size = full_pack<T>, K = special_kernel_of<M>;
  if (!in_packs<size>(s.c, {x, y, mask})) return run(pool_windows<0, 1, T, M, Ending>, 1);
  if constexpr (K > 0)
    if (special_kernel(s.window) == K) return run(pool_windows<K, size, T, M, Ending>, size);
  run(pool_windows<0, size, T, M, Ending>, size);
}

}  // namespace mpad::kernels
