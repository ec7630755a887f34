// SPDX-License-Identifier: MIT
// Column sums (the bias gradient). A block sums a chunk of rows, in a fixed tree over groups of threads that take
// neighbouring rows, so that few columns still make whole accesses; a warp for each column adds the chunks. Everything
// depends on the shape alone. What is summed is what a source makes of each row: `load` reads it, some rows ahead, and
// `use`, which may store too, gives what to add. A thread has `least_rows` or more, and
// loads `ahead` of them at once.
#pragma once
#include "divisor.cuh"
#include "elementwise.cuh"
#include "reduce.cuh"
#include "scratch.h"

namespace mpad::kernels {

inline constexpr int kChunkThreads = 256;

/// What a row to sum is: one of an array's.
struct EachRow {
  static constexpr int elements = 1, least_rows = 16, ahead = 8;
  __device__ std::int64_t first(std::int64_t at) const { return at; }
  __device__ std::int64_t offset(int) const { return 0; }
};

/// Or, of images of even height and width, a block of 2x2 pixels: what one window of a pool has.
struct EachBlock {
  static constexpr int elements = 4, least_rows = 2, ahead = 2;

  EachBlock(std::int64_t blocks_along_width, std::int64_t of_channels)
      : width(blocks_along_width), channels(of_channels), by_width(width), by_channels(channels) {}
  static bool allows(const Shape& images) {
    return images.rank() == 4 && images.numel() > 0 && images[1] % 2 == 0 && images[2] % 2 == 0;
  }

  /// Where the first pixel's elements lie in the images, of those at this place among blocks, ...,c too.
  __device__ std::int64_t first(std::int64_t at) const {
    const std::int64_t block = by_channels.quotient(at), row = by_width.quotient(block), column = block - row * width;
    return (4 * row * width + 2 * column) * channels + at - block * channels;
  }
  __device__ std::int64_t offset(int pixel) const { return (pixel / 2 * 2 * width + pixel % 2) * channels; }

  std::int64_t width, channels;
  Divisor by_width, by_channels;
};

/// f(how an array's rows are summed, the number of rows that are). Images go by blocks where they can, so that sums
/// have the same bits where a pool's backward forms them.
template <class F>
void with_rows(const Shape& shape, std::int64_t columns, const F& f) {
  const std::int64_t rows = shape.numel() / columns;
  if (EachBlock::allows(shape))
    f(EachBlock(shape[2] / 2, columns), rows / EachBlock::elements);
  else
    f(EachRow(), rows);
}

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
