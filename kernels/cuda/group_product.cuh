// SPDX-License-Identifier: MIT
// Products of slices by a whole warpgroup, on the tensor cores of sm_90a: operands are read from shared memory by the
// instruction itself, so no thread loads fragments.
#pragma once
#include "warp_product.cuh"

namespace mpad::kernels {

/// A slice of an operand as products of a warpgroup want it.
template <Contiguous contiguous, int extent>
using GroupTile =
    std::conditional_t<contiguous == Contiguous::depth, SharedTile<half, Contiguous::depth, extent>, PanelTile<extent>>;

/// A tile of 128 rows and 64 or 128 columns by one warpgroup.
template <int columns>
struct GroupShape {
  template <class T, Contiguous contiguous>
  using TileA = GroupTile<contiguous, 128>;
  template <class T, Contiguous contiguous>
  using TileB = GroupTile<contiguous, columns>;
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
        start_group_product(sums_[i], rows_of_block(a, i, depth), columns_of_block(b, depth));
    commit_group();
  }
  __device__ void finish_before_last() { wait_for_groups_before_last(); }
  __device__ void finish() {
#pragma unroll
    for (int i = 0; i < blocks; ++i) wait_group(sums_[i]);
  }

  __device__ static int row(int i) {
    const int thread = static_cast<int>(threadIdx.x), warp = thread / 32, of_lane = thread % 32 / 4;
    return takes_turns ? warp * 32 + i * 8 + of_lane : i / 2 * block_m + warp * 16 + i % 2 * 8 + of_lane;
  }
  __device__ static int column(int j) { return 8 * j + static_cast<int>(threadIdx.x) % 4 * 2; }
  __device__ Pack<float, 2> run(int i, int j) const {
    const int block = takes_turns ? i % 2 : i / 2, eight = takes_turns ? i / 2 : i % 2;
    const float(&sums)[columns / 2] = sums_[block];
    return {{sums[4 * j + 2 * eight], sums[4 * j + 2 * eight + 1]}};
  }

 private:
  static constexpr int block_m = 64, blocks = GroupShape<columns>::m / block_m, bytes = sizeof(half);
  /// Whether the two blocks that are multiplied take turns of eight rows, so that a warp, which has 16 of each in a
  /// row, has 32 rows in a row, as in other shapes.
  static constexpr bool takes_turns = a_contiguous == Contiguous::depth;

  __device__ static auto rows_of_block(const half* slice, int i, int depth) {
    if constexpr (takes_turns)
      return in_rows(slice + i * eight_rows + depth, blocks * eight_rows);
    else
      return in_panels(slice + i * panel, depth);
  }
  __device__ static auto columns_of_block(const half* slice, int depth) {
    if constexpr (b_contiguous == Contiguous::depth)
      return in_rows(slice + depth, eight_rows);
    else
      return in_panels(slice, depth);
  }

  static constexpr int eight_rows = 8 * slice_depth<half>, panel = 64 * slice_depth<half>;
  __device__ static GroupMatrix<false> in_rows(const half* from, int to_next_eight) {
    return {from, 16, static_cast<unsigned>(to_next_eight * bytes)};
  }
  __device__ static GroupMatrix<true> in_panels(const half* from, int depth) {
    return {from + depth * 64, panel * bytes, 8 * 64 * bytes};
  }

  float sums_[blocks][columns / 2] = {};
};

}  // namespace mpad::kernels
