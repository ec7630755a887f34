// SPDX-License-Identifier: MIT
// Column sums (the bias gradient). A block sums a chunk of rows, in a fixed tree over groups of threads that take
// neighbouring rows, so that few columns still make whole accesses; a warp for each column adds the chunks. Everything
// depends on the shape alone.
#include "elementwise.cuh"
#include "reduce.cuh"
#include "relu.cuh"
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

/// What is summed: an array.
template <class T>
struct Values {
  const T* x;

  template <int size>
  __device__ Pack<T, size> load(std::int64_t at) const {
    return kernels::load<size>(x + at);
  }
  template <int size>
  __device__ Pack<T, size> use(const Pack<T, size>& part, std::int64_t) const {
    return part;
  }
};

/// The gradient behind ReLU, which is stored as it is summed.
template <class T>
struct GatedValues {
  const T *y, *grad_y;
  T* grad_x;

  template <int size>
  struct Pair {
    Pack<T, size> y, grad;
  };
  template <int size>
  __device__ Pair<size> load(std::int64_t at) const {
    return {kernels::load<size>(y + at), kernels::load<size>(grad_y + at)};
  }
  template <int size>
  __device__ Pack<T, size> use(const Pair<size>& pair, std::int64_t at) const {
    Pack<T, size> grad;
    for (int i = 0; i < size; ++i)
      grad.element[i] = narrow<T>(relu_gradient(widen(pair.y.element[i]), widen(pair.grad.element[i]), acc_t<T>(0)));
    store(grad_x + at, grad);
    return grad;
  }
};

/// Block (tile, chunk). One chunk is the result already; of several, sums[column * chunks + chunk] are the parts.
/// Two blocks share a multiprocessor, so that all chunks run at once.
template <class T, int size, class Source>
__global__ void __launch_bounds__(kThreads, 2) sum_chunks_kernel(Layout layout, Source source, acc_t<T>* sums, T* y) {
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
    std::int64_t at = (first * layout.packs + pack) * size;
    const std::int64_t step = groups * layout.packs * size;
    use_in_order(
        first, end, groups,
        [&](std::int64_t row) { return source.template load<size>((row * layout.packs + pack) * size); },
        [&](const auto& loaded) {
          const Pack<T, size> part = source.template use<size>(loaded, at);
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

template <class T, int size, class Source>
void sum_packs(const char* op, Cuda where, std::int64_t rows, std::int64_t columns, const Source& source, T* y) {
  const auto stream = static_cast<cudaStream_t>(where.stream);
  const Layout layout(rows, columns / size);
  acc_t<T>* sums = nullptr;
  if (layout.chunks > 1) sums = cuda::scratch<acc_t<T>>(where, Scratch::partial_sums, layout.chunks * columns);
  const dim3 grid(static_cast<unsigned>(ceil_div(layout.packs, layout.tile)), static_cast<unsigned>(layout.chunks));
  launch(op, sum_chunks_kernel<T, size, Source>, grid, kThreads, 0, stream, layout, source, sums, y);
  if (layout.chunks > 1)
    launch(op, add_chunks_kernel<T>, element_blocks(32 * columns), kThreads, 0, stream, columns, layout.chunks, sums,
           y);
}

}  // namespace

template <>
void sum_rows(Cuda where, View x, View y) {
  const std::int64_t columns = y.numel();
  if (columns == 0) return;
  with_type(y.dtype, [&]<class T>() {
    const Values<T> values{x.as<const T>()};
    with_pack_size<T>(is_aligned<full_pack<T>>(values.x) ? columns : 1, [&]<int size>() {
      sum_packs<T, size>("sum_rows", where, x.numel() / columns, columns, values, y.as<T>());
    });
  });
}

template <>
void relu_backward_sum_rows(Cuda where, View y, View grad_y, View grad_x, View sums) {
  const std::int64_t columns = sums.numel();
  if (columns == 0) return;
  with_type(sums.dtype, [&]<class T>() {
    const GatedValues<T> values{y.as<const T>(), grad_y.as<const T>(), grad_x.as<T>()};
    const bool aligned = is_aligned<full_pack<T>>(values.y) && is_aligned<full_pack<T>>(values.grad_y) &&
                         is_aligned<full_pack<T>>(values.grad_x);
    with_pack_size<T>(aligned ? columns : 1, [&]<int size>() {
      sum_packs<T, size>("relu_backward", where, y.numel() / columns, columns, values, sums.as<T>());
    });
  });
}

}  // namespace mpad::kernels
