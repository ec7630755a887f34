// SPDX-License-Identifier: MIT
// Launches of the pools' forward.
#pragma once
#include "maxpool_square.cuh"

namespace mpad::kernels {

/// Runs the pool, and names the operation if the launch fails.
template <class T, class M, class Ending>
void slide_over(const char* op, Cuda where, const Sliding& s, const Ending& ending, View x, View y, View mask) {
  const auto run = [&](auto kernel, const auto& grid) {
    launch(op, kernel, grid.blocks(), dim3(pool_threads), 0, static_cast<cudaStream_t>(where.stream), s, grid, ending,
           x.as<const T>(), y.as<T>(), mask.as<M>());
  };
  constexpr int size = full_pack<T>, K = special_kernel_of<M>;
  if (!in_packs<size>(s.c, {x, y, mask})) return run(pool_windows<1, T, M, Ending>, PoolGrid(s.n, s.oh, s.ow, s.c, 1));
  if constexpr (K > 0)
    if (special_kernel(s.window) == K && SquareGrid::fits(s, size))
      return run(pool_squares<K, size, T, M, Ending>, SquareGrid(s, size));
  run(pool_windows<size, T, M, Ending>, PoolGrid(s.n, s.oh, s.ow, s.c, size));
}

}  // namespace mpad::kernels
