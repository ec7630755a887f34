// SPDX-License-Identifier: MIT
// Products of slices by a whole warpgroup, on the tensor cores of sm_90a: operands are read from shared memory by the
// instruction itself, so no thread loads fragments.
#pragma once
#include "warp_product.cuh"

namespace mpad::kernels {

/// A tile of 128 rows that gives a warp 32 rows of the operand in a row, as other shapes do: of each 64 rows that the
/// group multiplies, a warp has 16 in a row.
struct WarpRows : SharedTile<half, Contiguous::depth, 128> {
  __device__ static int source_row(int row) { return row % 64 / 16 * 32 + row / 64 * 16 + row % 16; }
};

/// A tile of 128 rows and 64 or 128 columns by one warpgroup.
template <int columns>
struct GroupShape {
  template <class T, Contiguous contiguous>
  using TileA = std::conditional_t<contiguous == Contiguous::depth, WarpRows, PanelTile<128>>;
  template <class T, Contiguous contiguous>
  using TileB = std::conditional_t<contiguous == Contiguous::depth, SharedTile<T, Contiguous::depth, columns>,
                                   PanelTile<columns>>;
  static constexpr bool asynchronous = true;
  static constexpr int m = 128, n = columns, threads = 128, sums = m * n / threads;
};

/// multiply() starts a product, which reads its slices until finish(), behind which the sums are there, or
/// finish_before_last() behind the next one's start.
template <int columns, Contiguous a_contiguous, Contiguous b_contiguous>
class WarpProduct<half, GroupShape<columns>, a_contiguous, b_contiguous> {
 public:
  static constexpr int rows = 4, runs = columns / 8, lanes_of_row = 4;

  __device__ void multiply(const half* a, const half* b) {
    begin_group();
#pragma unroll
    for (int depth = 0; depth < slice_depth<half>; depth += 16)
#pragma unroll
      for (int i = 0; i < blocks; ++i)
        start_group_product(sums_[i], matrix<a_contiguous>(a, i, depth), matrix<b_contiguous>(b, 0, depth));
    commit_group();
  }
  __device__ void finish_before_last() { wait_for_groups_before_last(); }
  __device__ void finish() {
#pragma unroll
    for (int i = 0; i < blocks; ++i) wait_group(sums_[i]);
  }

  __device__ static int row(int i) {
    const int thread = static_cast<int>(threadIdx.x), warp = thread / 32, of_lane = thread % 32 / 4;
    if (a_contiguous == Contiguous::depth) return warp * 32 + of_lane + i * 8;  // as in WarpRows
    return i / 2 * block_m + warp * 16 + of_lane + i % 2 * 8;
  }
  __device__ static int column(int j) { return 8 * j + static_cast<int>(threadIdx.x) % 4 * 2; }
  __device__ Pack<float, 2> run(int i, int j) const {
    const float(&sums)[columns / 2] = sums_[i / 2];
    return {{sums[4 * j + i % 2 * 2], sums[4 * j + i % 2 * 2 + 1]}};
  }

 private:
  static constexpr int block_m = 64, blocks = GroupShape<columns>::m / block_m;

  /// The i-th block of 64 rows or columns of a slice, from this depth on.
  template <Contiguous contiguous>
  __device__ static GroupMatrix<contiguous == Contiguous::extent> matrix(const half* slice, int i, int depth) {
    constexpr int bytes = sizeof(half), panel = 64 * slice_depth<half>;
    if constexpr (contiguous == Contiguous::depth)
      return {slice + i * panel + depth, 16, 8 * slice_depth<half> * bytes};
    else
      return {slice + i * panel + depth * 64, panel * bytes, 8 * 64 * bytes};
  }

  float sums_[blocks][columns / 2] = {};
};

}  // namespace mpad::kernels
