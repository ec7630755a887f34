// SPDX-License-Identifier: MIT
// Column sums (the bias gradient). A block sums a chunk of rows, in a fixed tree over groups of threads that take
// neighbouring rows, so that few columns still make whole accesses; a warp for each column adds the chunks. Everything
// depends on the shape alone.
#include "elementwise.cuh"
#include "reduce.cuh"
#include "scratch.h"

#include <kernels.h>

namespace mpad::kernels {
namespace {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / 32;

/// Columns in packs; the threads of a block are `groups` rows of `tile` packs.
struct Layout {
  std::int64_t rows, packs, tile, groups, chunks;

  Layout(std::int64_t r, std::int64_t p) : rows(r), packs(p) {
    tile = std::min<std::int64_t>(packs, kThreads);
    groups = kThreads / tile;
    // A thread adds 16 rows or more, and 256 chunks of even one tile fill a device.
    chunks = std::clamp<std::int64_t>(rows / (16 * groups), 1, 256);
  }
};

/// Block (tile, chunk). One chunk is the result already; of several, sums[column * chunks + chunk] are the parts.
template <class T, int size>
__global__ void __launch_bounds__(kThreads) sum_chunks_kernel(Layout layout, const T* x, acc_t<T>* sums, T* y) {
  using A = acc_t<T>;
  using Sums = Pack<A, size>;
  MPAD_SHARED(Sums, shared, [kThreads]);
  const int tile = static_cast<int>(layout.tile), groups = static_cast<int>(layout.groups);
  const int group = static_cast<int>(threadIdx.x) / tile;
  const std::int64_t pack = blockIdx.x * layout.tile + static_cast<int>(threadIdx.x) % tile;
  const bool has_column = group < groups && pack < layout.packs;
  Sums sum{};
  if (has_column) {
    const std::int64_t end = layout.rows * (blockIdx.y + 1) / layout.chunks;
    const std::int64_t first = layout.rows * blockIdx.y / layout.chunks + group;
    use_in_order(
        first, end, groups, [&](std::int64_t row) { return load<size>(x + (row * layout.packs + pack) * size); },
        [&](const Pack<T, size>& part) {
          for (int i = 0; i < size; ++i) sum.element[i] += widen(part.element[i]);
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
__global__ void __launch_bounds__(kThreads)
    add_chunks_kernel(std::int64_t columns, std::int64_t chunks, const acc_t<T>* sums, T* y) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const std::int64_t stride = std::int64_t{gridDim.x} * kWarps;
  for (std::int64_t c = std::int64_t{blockIdx.x} * kWarps + threadIdx.x / 32; c < columns; c += stride) {
    acc_t<T> sum = 0;
    for (std::int64_t i = lane; i < chunks; i += 32) sum += sums[c * chunks + i];
    sum = reduce_warp(sum, Add{});
    if (lane == 0) y[c] = narrow<T>(sum);
  }
}

template <class T, int size>
void sum_packs(Cuda where, std::int64_t rows, std::int64_t columns, const T* x, T* y) {
  const auto stream = static_cast<cudaStream_t>(where.stream);
  const Layout layout(rows, columns / size);
  acc_t<T>* sums = nullptr;
  if (layout.chunks > 1) sums = cuda::scratch<acc_t<T>>(where, Scratch::partial_sums, layout.chunks * columns);
  const dim3 grid(static_cast<unsigned>(ceil_div(layout.packs, layout.tile)), static_cast<unsigned>(layout.chunks));
  launch("sum_rows", sum_chunks_kernel<T, size>, grid, kThreads, 0, stream, layout, x, sums, y);
  if (layout.chunks > 1)
    launch("sum_rows", add_chunks_kernel<T>, element_blocks(32 * columns), kThreads, 0, stream, columns, layout.chunks,
           sums, y);
}

}  // namespace

template <>
void sum_rows(Cuda where, View x, View y) {
  const std::int64_t columns = y.numel();
  if (columns == 0) return;
  with_type(y.dtype, [&]<class T>() {
    const T* in = x.as<const T>();
    with_pack_size<T>(is_aligned<full_pack<T>>(in) ? columns : 1,
                      [&]<int size>() { sum_packs<T, size>(where, x.numel() / columns, columns, in, y.as<T>()); });
  });
}

}  // namespace mpad::kernels
