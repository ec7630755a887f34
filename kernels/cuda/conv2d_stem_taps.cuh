// SPDX-License-Identifier: MIT
// Patches of 1 or 3 channels on their way to tensor cores. No run of bytes that is copied at once divides their
// channels, so a thread loads a patch element by element: 32 columns at a time, of whole taps, so that it asks once for
// each tap where that lies and whether the image has it. What taps need to be there is found once for all pixels.
#pragma once
#include "conv2d_operands.cuh"
#include "tile_load.cuh"

namespace mpad::kernels {

/// A tap of a patch, in shared memory.
struct alignas(8) Tap {
  int offset;      // from the first tap
  unsigned needs;  // its row and its column, among the bits of Patch::outside
};

/// Taps of a patch whose rows and columns have bits: below the last one, which is always set.
constexpr unsigned most_tap_bits = 31;

/// Whether a patch has 1 or 3 channels, and bits for its taps.
inline bool has_tap_bits(const Patches<half>& patches) {
  if (patches.channels != 1 && patches.channels != 3) return false;
  const unsigned taps = patches.columns / static_cast<unsigned>(patches.channels), width = patches.by_width.divisor();
  return taps / width + width <= most_tap_bits;
}

/// Rows of taps in a patch of so many channels.
template <int channels>
__device__ inline unsigned rows_of_taps(const Patches<half>& patches) {
  return patches.by_width.quotient(patches.columns / channels);
}

/// The patch that a thread gathers: a bit is set for each row of taps that lies outside the image, from the lowest on,
/// for each column of them behind, and the last.
struct Patch {
  const half* start;
  unsigned outside;
};

/// Bits of those of `taps` taps at position, position + step, ... that lie within `extent`.
__device__ inline unsigned taps_within(int extent, int position, int step, unsigned taps) {
  // Distances, then taps: the first within, and the first behind.
  unsigned first = static_cast<unsigned>(max(-position, 0)), behind = static_cast<unsigned>(max(extent - position, 0));
  if (step != 1) {
    first = ceil_div(first, static_cast<unsigned>(step));
    behind = ceil_div(behind, static_cast<unsigned>(step));
  }
  behind = min(behind, taps);
  return (1u << behind) - (1u << min(first, behind));
}

/// Of row i of the patches.
template <int channels, class Patches>
__device__ inline Patch find_patch(const Patches& patches, unsigned i) {
  const auto row = patches.row(i);
  const unsigned rows = rows_of_taps<channels>(patches), columns = patches.by_width.divisor();
  return {row.start, ~(taps_within(patches.grid.h.from, row.h, patches.step_h, rows) |
                       taps_within(patches.grid.w.from, row.w, patches.step_w, columns) << rows)};
}

/// 32 columns of a patch: of as many taps as fit, and zeros.
template <int channels>
class TapSlice {
 public:
  static constexpr int taps = slice_depth<half> / channels, columns = taps * channels;

  __host__ __device__ static unsigned count(unsigned patch_columns) {
    return ceil_div(patch_columns, unsigned{columns});
  }

  /// The taps of `slices` slices from `first` on, by all threads of the block.
  __device__ static void find_taps(const Patches<half>& patches, unsigned first, unsigned slices, Tap* to) {
    const unsigned rows = rows_of_taps<channels>(patches);
    for (unsigned i = threadIdx.x; i < slices * taps; i += blockDim.x) {
      const unsigned tap = first * taps + i;
      const Divided position = patches.by_width.divide(tap);
      const bool there = tap * channels < patches.columns;
      to[i] = {patches.column(tap * channels).offset,
               there ? 1u << position.quotient | 1u << (rows + position.remainder) : 1u << most_tap_bits};
    }
  }

  __device__ void load(const Patch& patch, const Tap* from) {
#pragma unroll
    for (int t = 0; t < taps; ++t) {
      const Tap tap = from[t];
#pragma unroll
      for (int c = 0; c < channels; ++c) bits_[t * channels + c] = 0;
      if ((patch.outside & tap.needs) != 0) continue;
      const half* const place = patch.start + tap.offset;
#pragma unroll
      for (int c = 0; c < channels; ++c) bits_[t * channels + c] = static_cast<__half_raw>(place[c]).x;
    }
  }
  /// As row `row` of a tile of 32 columns, along the depth or along the extent: their places are the same.
  __device__ void store(half* tile, int row) const {
    using Tile = SharedTile<half, Contiguous::depth, 32>;
    constexpr int size = full_pack<half>;
#pragma unroll
    for (int first = 0; first < slice_depth<half>; first += size) {
      Pack<std::uint32_t, size / 2> pairs;
#pragma unroll
      for (int e = 0; e < size; e += 2)
        pairs.element[e / 2] = __byte_perm(bits(first + e), bits(first + e + 1), 0x5410);  // the low halves of both
      kernels::store(reinterpret_cast<std::uint32_t*>(tile + Tile::offset(row, first)), pairs);
    }
  }

 private:
  __device__ std::uint32_t bits(int column) const { return column < columns ? bits_[column] : 0; }

  std::uint32_t bits_[columns];
};

}  // namespace mpad::kernels
