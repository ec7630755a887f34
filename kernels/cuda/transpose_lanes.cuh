// SPDX-License-Identifier: MIT
#pragma once
#include "vector.cuh"

#include <cstring>

namespace mpad::kernels {

/// Four lanes, `distance` (a power of two) apart, hold four packs each: lane `which` of them gets the pack of that
/// number of each, in order. All lanes of the warp take part.
template <int distance, class E, int size>
__device__ inline void transpose_lanes(Pack<E, size> (&packs)[4], int which) {
  constexpr int words = sizeof(Pack<E, size>) / 4;
  static_assert(sizeof(Pack<E, size>) % 4 == 0);
  // Words, which are selected by value: packs that are selected as objects would lie in memory.
  std::uint32_t word[4][words];
  std::memcpy(word, packs, sizeof(packs));
#pragma unroll
  for (int bit = 1; bit < 4; bit *= 2) {
    const bool upper = (which & bit) != 0;
#pragma unroll
    for (int pair = 0; pair < 2; ++pair)
#pragma unroll
      for (int w = 0; w < words; ++w) {
        std::uint32_t &low = word[bit == 1 ? 2 * pair : pair][w], &high = word[(bit == 1 ? 2 * pair : pair) + bit][w];
        const std::uint32_t other = __shfl_xor_sync(0xffffffff, upper ? low : high, bit * distance);
        low = upper ? other : low;
        high = upper ? high : other;
      }
  }
  std::memcpy(packs, word, sizeof(packs));
}

}  // namespace mpad::kernels
