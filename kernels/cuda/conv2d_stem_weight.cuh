// SPDX-License-Identifier: MIT
// Weight gradient of 1 or 3 input channels in float and double: a narrow product, for which a tile of 64 output
// channels by 32 weights is enough. A thread has 4 x 4 sums; pixels pass through shared memory, 32 at a time, as acc_t.
// Several groups of threads take slices in turn, so that one loads while another computes, and add their sums in the
// end.
#pragma once
#include "conv2d_operands.cuh"
#include "reduction_parts.cuh"

namespace mpad::kernels {

struct StemWeightTile {
  static constexpr int k = 64, taps = 32, pixels = 32, micro = 4, group = k / micro * (taps / micro);
};

/// Groups whose slices fit 48 KiB.
template <class A>
inline constexpr int stem_weight_groups = 16 / static_cast<int>(sizeof(A));
template <class A>
inline constexpr int stem_weight_threads = StemWeightTile::group* stem_weight_groups<A>;

/// One column of `source` for each of `columns` threads of a group, rows `pixel` to pixel + 32, into shared memory.
template <int columns, class Source, class A>
__device__ inline void stage(const Source& source, const typename Source::Column& column, unsigned pixel, int thread,
                             A* to) {
  constexpr int at_once = StemWeightTile::group / columns;
  // All at once would not stay in registers.
#pragma unroll 8
  for (int i = 0; i < StemWeightTile::pixels / at_once; ++i) {
    const int row = thread / columns + i * at_once;
    to[row * columns + thread % columns] =
        widen(source.at(source.row(pixel + static_cast<unsigned>(row)), column).value());
  }
}

/// Adds the products of the staged pixels.
template <class A>
__device__ inline void add_pixels(const A* gradients, const A* inputs,
                                  A (&sums)[StemWeightTile::micro][StemWeightTile::micro]) {
  using Tile = StemWeightTile;
#pragma unroll 4
  for (int pixel = 0; pixel < Tile::pixels; ++pixel) {
    const auto g = load<Tile::micro>(gradients + pixel * Tile::k);
    const auto x = load<Tile::micro>(inputs + pixel * Tile::taps);
#pragma unroll
    for (int i = 0; i < Tile::micro; ++i)
#pragma unroll
      for (int j = 0; j < Tile::micro; ++j) sums[i][j] = fma(g.element[i], x.element[j], sums[i][j]);
  }
}

/// Adds the sums of groups 1, 2, ... in order to those of group 0, through shared memory.
template <int groups, class A>
__device__ inline void add_groups(A* shared, int group, int thread,
                                  A (&sums)[StemWeightTile::micro][StemWeightTile::micro]) {
  constexpr int micro = StemWeightTile::micro;
  const auto place = [&](int from, int i) {
    return shared + (from * micro * micro + i) * StemWeightTile::group + thread;
  };
  __syncthreads();  // the last slices are done with
  if (group > 0)
    for (int i = 0; i < micro * micro; ++i) *place(group - 1, i) = sums[i / micro][i % micro];
  __syncthreads();
  if (group > 0) return;
  for (int from = 1; from < groups; ++from)
    for (int i = 0; i < micro * micro; ++i) sums[i / micro][i % micro] += *place(from - 1, i);
}

template <class T>
__global__ void __launch_bounds__(stem_weight_threads<acc_t<T>>, 2)
    stem_weight_sums(const Matrix<T> gradient, const Patches<T> patches, const Destination<T> destination,
                     const EvenParts parts) {
  follow_kernels_before();
  using A = acc_t<T>;
  using Tile = StemWeightTile;
  constexpr int groups = stem_weight_groups<A>, slice_size = Tile::pixels * (Tile::k + Tile::taps);
  MPAD_SHARED(A, shared, [groups * slice_size]);
  const int group = static_cast<int>(threadIdx.x) / Tile::group, thread = static_cast<int>(threadIdx.x) % Tile::group;
  A *const gradients = shared + group * slice_size, *const inputs = gradients + Tile::pixels * Tile::k;
  const unsigned columns = ceil_div(patches.columns, unsigned{Tile::taps});
  const unsigned first_k = blockIdx.x / columns * Tile::k, first_tap = blockIdx.x % columns * Tile::taps;
  const auto gradient_column = gradient.column(first_k + static_cast<unsigned>(thread % Tile::k));
  const auto patch_column = patches.column(first_tap + static_cast<unsigned>(thread % Tile::taps));
  const int my_tap = thread % (Tile::taps / Tile::micro) * Tile::micro;
  const int my_k = thread / (Tile::taps / Tile::micro) * Tile::micro;

  A sums[Tile::micro][Tile::micro] = {};
  const unsigned begin = parts.begin(blockIdx.y), end = begin + parts.size(blockIdx.y);
  for (unsigned first = begin; first < end; first += groups) {
    const unsigned slice = first + static_cast<unsigned>(group);
    __syncthreads();  // the pixels before are done with
    if (slice < end) {
      stage<Tile::k>(gradient, gradient_column, slice * Tile::pixels, thread, gradients);
      stage<Tile::taps>(patches, patch_column, slice * Tile::pixels, thread, inputs);
    }
    __syncthreads();
    if (slice < end) add_pixels(gradients + my_k, inputs + my_tap, sums);
  }
  add_groups<groups>(shared, group, thread, sums);
  if (group > 0) return;
#pragma unroll
  for (int i = 0; i < Tile::micro; ++i) {
    Pack<A, Tile::micro> pack;
#pragma unroll
    for (int j = 0; j < Tile::micro; ++j) pack.element[j] = sums[i][j];
    destination.store(static_cast<std::int64_t>(first_k) + my_k + i, static_cast<int>(first_tap) + my_tap, pack,
                      parts.count > 1);
  }
}

template <class T>
void stem_weight(const char* op, Cuda where, const Matrix<T>& gradient, const Patches<T>& patches,
                 const Destination<T>& destination) {
  using Tile = StemWeightTile;
  const std::int64_t tiles =
      ceil_div<std::int64_t>(gradient.columns, Tile::k) * ceil_div<std::int64_t>(patches.columns, Tile::taps);
  const Slices slices = cut_reduction(tiles, ceil_div<std::int64_t>(gradient.rows, Tile::pixels), 8);
  in_parts(op, where, destination, slices, [&](const Destination<T>& to) {
    launch(op, stem_weight_sums<T>, dim3(static_cast<unsigned>(tiles), slices.parts), stem_weight_threads<acc_t<T>>, 0,
           static_cast<cudaStream_t>(where.stream), gradient, patches, to, slices.parts_of_longest);
  });
}

}  // namespace mpad::kernels
