// SPDX-License-Identifier: MIT
// Convolution of 1 or 3 channels in half, by tensor cores. Its weights are few: a block has them in shared memory for
// all its tiles. A thread gathers the patch of one pixel, a warp those of the rows that it multiplies, so warps wait
// for no other. What becomes of the sums is what becomes of any convolution's.
#pragma once
#include "conv2d_stem_taps.cuh"
#include "implicit_gemm.cuh"

#include <algorithm>

namespace mpad::kernels {

/// 128 pixels by 32 or 64 channels, in warps of 32 pixels. Enough blocks to fill a large device.
template <int columns>
using StemShape = BlockShape<4, 1, 32, columns>;
constexpr unsigned most_stem_blocks = 512;

/// Blocks that share a multiprocessor's registers: three where there are more sums than four leave registers for.
template <class Shape>
inline constexpr int resident_stem_blocks = Shape::sums >= 64 ? 3 : 4;

/// What a block has in shared memory, in this order: weights, slice by slice; the slice of its pixels; taps.
template <int channels, class Shape>
struct StemMemory {
  static constexpr unsigned depth = slice_depth<half>, filters = Shape::n * depth, pixels = Shape::m * depth;

  static unsigned bytes(unsigned columns) {
    const unsigned slices = TapSlice<channels>::count(columns);
    return (slices * filters + pixels) * unsigned{sizeof(half)} +
           slices * TapSlice<channels>::taps * unsigned{sizeof(Tap)};
  }
};

/// The weights of channels first_k, first_k + 1, ... in slices: as the tile of the second operand, zeros where a slice
/// has no tap or there is no channel.
template <int channels, class Shape>
__device__ inline void stage_filters(const Matrix<half>& weight, unsigned first_k, unsigned slices, half* to) {
  using Tile = SharedTile<half, Contiguous::depth, Shape::n>;
  constexpr unsigned size = full_pack<half>, packs = Shape::n * Tile::chunks;
  for (unsigned i = threadIdx.x; i < slices * packs; i += Shape::threads) {
    const unsigned slice = i / packs, row = i % packs / Tile::chunks, first = i % Tile::chunks * size;
    const auto filter = weight.row(first_k + row);
    Pack<half, size> pack;
#pragma unroll
    for (unsigned e = 0; e < size; ++e) {
      Located<half> from = weight.at(filter, weight.column(slice * TapSlice<channels>::columns + first + e));
      from.there = from.there && first + e < TapSlice<channels>::columns;
      pack.element[e] = from.value();
    }
    store(to + slice * Shape::n * slice_depth<half> + Tile::offset(static_cast<int>(row), static_cast<int>(first)),
          pack);
  }
}

/// Where sums go that are of no part of a reduction, row by row.
template <class T>
struct WholeDestination {
  Destination<T> to;

  template <class Product>
  __device__ void store_tile(const Product& product, std::int64_t first_row, int first_column) const {
    Destination<T> whole = to;
    whole.spread = false;
    whole.store_tile(product, first_row, first_column, false);
  }
};

template <int channels, class Shape, class Patches, class To>
__global__ void __launch_bounds__(Shape::threads, (resident_stem_blocks<Shape>))
    stem_products(const Patches patches, const Matrix<half> weight, const To to) {
  follow_kernels_before();
  using Slice = TapSlice<channels>;
  using Memory = StemMemory<channels, Shape>;
  MPAD_DYNAMIC_SHARED_PERMUTED(half, shared);
  const unsigned slices = Slice::count(patches.columns), first_n = blockIdx.y * Shape::n;
  half* const pixels = shared + slices * Memory::filters;
  Tap* const taps = reinterpret_cast<Tap*>(pixels + Memory::pixels);
  stage_filters<channels, Shape>(weight, first_n, slices, shared);
  Slice::find_taps(patches, 0, slices, taps);
  __syncthreads();

  for (unsigned first = blockIdx.x * Shape::m; first < patches.rows; first += gridDim.x * Shape::m) {
    const Patch patch = find_patch<channels>(patches, first + threadIdx.x);
    WarpProduct<half, Shape, Contiguous::depth, Contiguous::depth> product;
    for (unsigned slice = 0; slice < slices; ++slice) {
      Slice values;
      values.load(patch, taps + slice * Slice::taps);
      __syncwarp();  // the slice before is done with
      values.store(pixels, static_cast<int>(threadIdx.x));
      __syncwarp();
      product.multiply(pixels, shared + slice * Memory::filters);
    }
    to.store_tile(product, std::int64_t{first}, static_cast<int>(first_n));
  }
}

/// f(number of channels, shape) as what the kernel is compiled for; `k` channels of the result.
template <class F>
auto with_stem(int channels, unsigned k, const F& f) {
  const auto with = [&]<int of_input>() {
    return k > 32 ? f.template operator()<of_input, StemShape<64>>() : f.template operator()<of_input, StemShape<32>>();
  };
  return channels == 1 ? with.template operator()<1>() : with.template operator()<3>();
}

/// Of dynamic memory; of static and dynamic memory a kernel may have 48 KiB without being allowed more.
constexpr unsigned most_stem_bytes = 64 * 1024;

/// Whether multiply_stem() serves: 1 or 3 channels, taps that have bits, and weights that fit the least shared memory
/// of a multiprocessor.
inline bool multiplies_stem(const Patches<half>& x) {
  return has_tap_bits(x) && with_stem(x.channels, 64, [&]<int channels, class Shape>() {
           return StemMemory<channels, Shape>::bytes(x.columns) <= most_stem_bytes;
         });
}

/// Multiplies patches by weights.
template <class Patches, class To>
void multiply_stem(const char* op, Cuda where, const Patches& patches, const Matrix<half>& weight, const To& to) {
  with_stem(patches.channels, weight.rows, [&]<int channels, class Shape>() {
    const unsigned tiles = ceil_div(patches.rows, unsigned{Shape::m}),
                   bytes = StemMemory<channels, Shape>::bytes(patches.columns);
    const auto kernel = stem_products<channels, Shape, Patches, To>;
    if (bytes > 48 * 1024) allow_shared_bytes(op, kernel, most_stem_bytes);  // one number, whatever threads launch it
    launch(op, kernel, dim3(std::min(tiles, most_stem_blocks), ceil_div(weight.rows, unsigned{Shape::n})),
           Shape::threads, bytes, static_cast<cudaStream_t>(where.stream), patches, weight, to);
  });
}

}  // namespace mpad::kernels
