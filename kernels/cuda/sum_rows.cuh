// SPDX-License-Identifier: MIT
// Column sums (the bias gradient). A block sums a chunk of rows, in a fixed tree over groups of threads that take
// neighbouring rows, so that few columns still make whole accesses; a warp for each column adds the chunks. Everything
// depends on the shape alone. What is summed is what a source makes of each row: `load` reads it, some rows ahead, and
// `use`, which may store too, gives what to add. A thread has `least_rows` or more, and
// loads `ahead` of them at once.
#pragma once
#include "elementwise.cuh"
#include "reduce.cuh"
#include "scratch.h"

namespace mpad::kernels {

inline constexpr int kChunkThreads = 256;

/// Columns in packs; the threads of a block are `groups` rows of `tile` packs.
struct ChunkLayout {
  std::int64_t rows, packs, tile, groups, chunks;

  /// A thread adds `least` rows or more.
  ChunkLayout(std::int64_t r, std::int64_t p, std::int64_t least) : rows(r), packs(p) {
    tile = std::min<std::int64_t>(packs, kChunkThreads);
    groups = kChunkThreads / tile;
    chunks = std::clamp<std::int64_t>(rows / (least * groups), 1, 256);  // so many of even one tile fill a device
  }
};

/// Block (tile, chunk). One chunk is the result already; of several, sums[column * chunks + chunk] are the parts.
/// Two blocks share a multiprocessor, so that all chunks run at once.
template <class T, int size, class Source>
__global__ void __launch_bounds__(kChunkThreads, 2)
    sum_chunks_kernel(ChunkLayout layout, Source source, acc_t<T>* sums, T* y) {
  follow_kernels_before();
  using A = acc_t<T>;
  using Sums = Pack<A, size>;
  MPAD_SHARED(Sums, shared, [kChunkThreads]);
  const int tile = static_cast<int>(layout.tile), groups = static_cast<int>(layout.groups);
  const int group = static_cast<int>(threadIdx.x) / tile;
  const std::int64_t pack = blockIdx.x * layout.tile + static_cast<int>(threadIdx.x) % tile;
  const bool has_column = group < groups && pack < layout.packs;
  Sums sum{};
  if (has_column) {
    const std::int64_t end = layout.rows * (blockIdx.y + 1) / layout.chunks;
    const std::int64_t first = layout.rows * blockIdx.y / layout.chunks + group;
    std::int64_t at = (first * layout.packs + pack) * size;
    const std::int64_t step = groups * layout.packs * size;
    use_in_order<Source::ahead>(
        first, end, groups,
        [&](std::int64_t row) { return source.template load<size>((row * layout.packs + pack) * size); },
        [&](const auto& loaded) {
          const auto part = source.template use<size>(loaded, at);
          for (int i = 0; i < size; ++i) sum.element[i] += widen(part.element[i]);
          at += step;
        });
  }
  shared[threadIdx.x] = sum;
  for (int left = groups; left > 1; left = ceil_div(left, 2)) {
    __syncthreads();
    if (group < left / 2)
      for (int i = 0; i < size; ++i)
        shared[threadIdx.x].element[i] += shared[threadIdx.x + ceil_div(left, 2) * tile].element[i];
  }
  if (group > 0 || !has_column) return;
  for (int i = 0; i < size; ++i) {
    const A total = shared[threadIdx.x].element[i];
    if (layout.chunks == 1)
      y[pack * size + i] = narrow<T>(total);
    else
      sums[(pack * size + i) * layout.chunks + blockIdx.y] = total;
  }
}

/// A warp for each column.
template <class T>
__global__ void __launch_bounds__(kChunkThreads)
    add_chunks_kernel(std::int64_t columns, std::int64_t chunks, const acc_t<T>* sums, T* y) {
  follow_kernels_before();
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const std::int64_t stride = std::int64_t{gridDim.x} * (kChunkThreads / 32);
  for (std::int64_t c = std::int64_t{blockIdx.x} * (kChunkThreads / 32) + threadIdx.x / 32; c < columns; c += stride) {
    acc_t<T> sum = 0;
    for (std::int64_t i = lane; i < chunks; i += 32) sum += sums[c * chunks + i];
    sum = reduce_warp(sum, Add{});
    if (lane == 0) y[c] = narrow<T>(sum);
  }
}

template <class T, int size, class Source>
void sum_packs(const char* op, Cuda where, std::int64_t rows, std::int64_t columns, const Source& source, T* y) {
  const auto stream = static_cast<cudaStream_t>(where.stream);
  const ChunkLayout layout(rows, columns / size, Source::least_rows);
  acc_t<T>* sums = nullptr;
  if (layout.chunks > 1) sums = cuda::scratch<acc_t<T>>(where, Scratch::partial_sums, layout.chunks * columns);
  const dim3 grid(static_cast<unsigned>(ceil_div(layout.packs, layout.tile)), static_cast<unsigned>(layout.chunks));
  launch(op, sum_chunks_kernel<T, size, Source>, grid, kChunkThreads, 0, stream, layout, source, sums, y);
  if (layout.chunks > 1)
    launch(op, add_chunks_kernel<T>, element_blocks(32 * columns), kChunkThreads, 0, stream, columns, layout.chunks,
           sums, y);
}

}  // namespace mpad::kernels
