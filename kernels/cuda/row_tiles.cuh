// SPDX-License-Identifier: MIT
// Kernels over rows by channels that do to each element what its channel says. A thread keeps to a pack of channels,
// holds what belongs to them in registers, and walks down the rows; neighbours read neighbouring bytes.
#pragma once
#include "launch.cuh"
#include "reduce.cuh"
#include "scratch.h"
#include "vector.cuh"

#include <mpad/core/device.h>

#include <algorithm>
#include <cstdint>

namespace mpad::kernels {

inline constexpr int kTileThreads = 256;

/// How blocks cover rows x channels: `across` packs of channels by `down` rows at a time, `chunk` rows in all.
struct RowTiles {
  std::int64_t rows, channels, chunk;
  int across, down, pack;

  /// Rows are cut as for packs of `best_pack`, which depends on the shape only, so that sums do not depend on whether
  /// arrays are aligned to them; threads take packs of `pack_size`.
  RowTiles(std::int64_t row_count, std::int64_t channel_count, int best_pack, int pack_size)
      : rows(row_count), channels(channel_count), pack(pack_size) {
    constexpr std::int64_t widest = 32, many_blocks = 512, fewest = 4, most = 64;
    const std::int64_t packs = channels / best_pack;
    across = static_cast<int>(ceil_div(packs, ceil_div(packs, widest)));
    down = kTileThreads / across;
    chunk = down * std::clamp(ceil_div(rows, down * many_blocks), fewest, most);
  }
  __host__ __device__ std::int64_t chunks() const { return ceil_div(rows, chunk); }
  dim3 grid() const {
    return {static_cast<unsigned>(chunks()), static_cast<unsigned>(ceil_div<std::int64_t>(channels / pack, across))};
  }

  __device__ int row_of_thread() const { return static_cast<int>(threadIdx.x) / across; }
  __device__ std::int64_t channel_of_thread() const {
    return (std::int64_t{blockIdx.y} * across + static_cast<int>(threadIdx.x) % across) * pack;
  }
  __device__ bool has_work() const { return row_of_thread() < down && channel_of_thread() < channels; }
  /// Calls f(index of the first element) for the thread's pack in each of its rows.
  template <class F>
  __device__ void for_each_row(const F& f) const {
    const std::int64_t begin = std::int64_t{blockIdx.x} * chunk, end = begin + chunk < rows ? begin + chunk : rows;
    for (std::int64_t row = begin + row_of_thread(); row < end; row += down) f(row * channels + channel_of_thread());
  }
};

template <int size, class Body>
__global__ void __launch_bounds__(kTileThreads, 3) map_tiles_kernel(RowTiles tiles, Body body) {
  follow_kernels_before();
  if (!tiles.has_work()) return;
  const auto pack = body.template at<size>(tiles.channel_of_thread());
  tiles.for_each_row([&](std::int64_t at) { pack.map(at); });
}

/// Partial sums, [2][channels][chunks], of one chunk of rows.
template <int size, class A, class Body>
__global__ void __launch_bounds__(kTileThreads) sum_tiles_kernel(RowTiles tiles, Body body, A* partial) {
  follow_kernels_before();
  MPAD_SHARED(A, shared, [2 * size][kTileThreads]);
  const int thread = static_cast<int>(threadIdx.x), row = tiles.row_of_thread();
  A sums[2][size] = {};
  if (tiles.has_work()) {
    const auto pack = body.template at<size>(tiles.channel_of_thread());
    tiles.for_each_row([&](std::int64_t at) { pack.add(at, sums[0], sums[1]); });
  }
  for (int i = 0; i < 2 * size; ++i) shared[i][thread] = sums[i / size][i % size];
  __syncthreads();
  for (int left = tiles.down; left > 1; left = (left + 1) / 2) {
    const int half = (left + 1) / 2;
    if (row + half < left)
      for (int i = 0; i < 2 * size; ++i) shared[i][thread] += shared[i][thread + half * tiles.across];
    __syncthreads();
  }
  if (row > 0 || !tiles.has_work()) return;
  for (int i = 0; i < 2 * size; ++i) {
    const std::int64_t line = i / size * tiles.channels + tiles.channel_of_thread() + i % size;
    partial[line * tiles.chunks() + blockIdx.x] = shared[i][thread];
  }
}

/// finish(channel, first, second) with each channel's two sums; a warp for each channel.
template <class A, class Finish>
__global__ void __launch_bounds__(kTileThreads)
    finish_sums_kernel(std::int64_t channels, std::int64_t chunks, const A* partial, Finish finish) {
  follow_kernels_before();
  const std::int64_t channel = std::int64_t{blockIdx.x} * (kTileThreads / 32) + threadIdx.x / 32;
  if (channel >= channels) return;
  const int lane = static_cast<int>(threadIdx.x) % 32;
  A first = 0, second = 0;
  for (std::int64_t i = lane; i < chunks; i += 32) {
    first += partial[channel * chunks + i];
    second += partial[(channels + channel) * chunks + i];
  }
  const auto add = [](A a, A b) { return a + b; };
  first = reduce_warp(first, add);
  second = reduce_warp(second, add);
  if (lane == 0) finish(channel, first, second);
}

/// body.at<size>(channel).map(index) for each pack of elements.
template <int size, class Body>
void map_tiles(const char* op, Cuda where, const RowTiles& tiles, const Body& body) {
  launch(op, map_tiles_kernel<size, Body>, tiles.grid(), kTileThreads, 0, static_cast<cudaStream_t>(where.stream),
         tiles, body);
}

/// Two sums over the rows for each channel, in a tree fixed by the sizes: body.at<size>(channel).add(index, first,
/// second) adds the terms of a pack, finish(channel, first, second) takes the sums.
template <int size, class Body, class Finish>
void sum_tiles(const char* op, Cuda where, const RowTiles& tiles, const Body& body, const Finish& finish) {
  using A = typename Finish::A;
  const auto stream = static_cast<cudaStream_t>(where.stream);
  A* partial = cuda::scratch<A>(where, Scratch::partial_sums, 2 * tiles.channels * tiles.chunks());
  launch(op, sum_tiles_kernel<size, A, Body>, tiles.grid(), kTileThreads, 0, stream, tiles, body, partial);
  const auto blocks = static_cast<unsigned>(ceil_div<std::int64_t>(tiles.channels, kTileThreads / 32));
  launch(op, finish_sums_kernel<A, Finish>, blocks, kTileThreads, 0, stream, tiles.channels, tiles.chunks(), partial,
         finish);
}

}  // namespace mpad::kernels
