// SPDX-License-Identifier: MIT
// A warp for each row; sums in trees that depend on the shape alone.
#include "launch.cuh"
#include "reduce.cuh"
#include "scratch.h"
#include "vector.cuh"

#include <kernels.h>

#include <algorithm>
#include <cmath>

namespace mpad::kernels {
namespace {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / 32;

unsigned row_blocks(std::int64_t rows) {
  return static_cast<unsigned>(std::min<std::int64_t>(ceil_div<std::int64_t>(rows, kWarps), 1024));
}

struct Larger {
  template <class A>
  __device__ A operator()(A left, A right) const {
    return left > right ? left : right;
  }
};

__device__ inline int lane_index() { return static_cast<int>(threadIdx.x) % 32; }
__device__ inline std::int64_t first_row() { return std::int64_t{blockIdx.x} * kWarps + threadIdx.x / 32; }
__device__ inline std::int64_t row_stride() { return std::int64_t{gridDim.x} * kWarps; }

/// Sum over the row of exp(logit - largest), and the largest. A NaN anywhere, a +inf, or nothing but -inf makes
/// the sum NaN.
template <class A>
struct Partition {
  A largest, sum;
};

template <class T>
__device__ Partition<acc_t<T>> partition(const T* row, std::int64_t classes) {
  using A = acc_t<T>;
  A largest = -INFINITY, sum = 0;
  for (std::int64_t j = lane_index(); j < classes; j += 32) largest = Larger{}(widen(row[j]), largest);
  largest = reduce_warp(largest, Larger{});
  for (std::int64_t j = lane_index(); j < classes; j += 32) sum += std::exp(widen(row[j]) - largest);
  return {largest, reduce_warp(sum, Add{})};
}

/// partial[block] = the sum of its rows' losses.
template <class T>
__global__ void __launch_bounds__(kThreads)
    forward_kernel(std::int64_t rows, std::int64_t classes, const T* x, const std::int32_t* labels, acc_t<T>* partial) {
  follow_kernels_before();
  using A = acc_t<T>;
  A total = 0;
  for (std::int64_t i = first_row(); i < rows; i += row_stride()) {
    const auto [largest, sum] = partition(x + i * classes, classes);
    const std::int32_t label = labels[i];
    // Labels on a device have not been checked.
    const bool is_class = label >= 0 && label < classes;
    const A picked = is_class ? widen(x[i * classes + label]) : A(NAN);
    total += std::log(sum) + (largest - picked);
  }
  total = reduce_block<kThreads>(lane_index() == 0 ? total : A(0), A(0), Add{});
  if (threadIdx.x == 0) partial[blockIdx.x] = total;
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    mean_kernel(std::int64_t rows, int count, const acc_t<T>* partial, T* loss) {
  follow_kernels_before();
  using A = acc_t<T>;
  A total = 0;
  for (int i = static_cast<int>(threadIdx.x); i < count; i += kThreads) total += partial[i];
  total = reduce_block<kThreads>(total, A(0), Add{});
  if (threadIdx.x == 0) *loss = narrow<T>(total / static_cast<A>(rows));
}

template <class T>
__global__ void __launch_bounds__(kThreads) backward_kernel(std::int64_t rows, std::int64_t classes, const T* x,
                                                            const std::int32_t* labels, const T* grad_loss, T* grad) {
  follow_kernels_before();
  using A = acc_t<T>;
  const A scale = widen(*grad_loss) / static_cast<A>(rows);
  for (std::int64_t i = first_row(); i < rows; i += row_stride()) {
    const auto [largest, sum] = partition(x + i * classes, classes);
    const std::int32_t label = labels[i];
    for (std::int64_t j = lane_index(); j < classes; j += 32) {
      const A probability = std::exp(widen(x[i * classes + j]) - largest) / sum;
      grad[i * classes + j] = narrow<T>(scale * (j == label ? probability - A(1) : probability));
    }
  }
}

/// A logit and where it is.
template <class A>
struct Entry {
  A value;
  std::int64_t at;
};

/// The larger entry, of equal ones the first; NaN is largest and equals NaN.
template <class A>
__device__ inline Entry<A> better(Entry<A> a, Entry<A> b) {
  const bool a_is_nan = a.value != a.value, b_is_nan = b.value != b.value;
  const bool same = a.value == b.value || (a_is_nan && b_is_nan);
  const bool first = same ? a.at < b.at : a.value > b.value || a_is_nan;
  return first ? a : b;
}

/// Index of the first largest logit of a row.
template <class T>
__device__ std::int64_t first_largest(const T* row, std::int64_t classes) {
  Entry<acc_t<T>> best{-INFINITY, classes};  // behind all that a lane may find
  for (std::int64_t j = lane_index(); j < classes; j += 32) best = better({widen(row[j]), j}, best);
  for (int distance = 16; distance > 0; distance /= 2)
    best = better({__shfl_xor_sync(0xffffffff, best.value, distance), __shfl_xor_sync(0xffffffff, best.at, distance)},
                  best);
  return best.at;
}

template <class T>
__global__ void __launch_bounds__(kThreads) count_kernel(std::int64_t rows, std::int64_t classes, const T* x,
                                                         const std::int32_t* labels, std::int32_t* correct) {
  follow_kernels_before();
  int count = 0;
  for (std::int64_t i = first_row(); i < rows; i += row_stride())
    count += first_largest(x + i * classes, classes) == labels[i];
  count = reduce_block<kThreads>(lane_index() == 0 ? count : 0, 0, Add{});
  if (threadIdx.x == 0) atomicAdd(correct, count);  // integers: the same in any order
}

}  // namespace

template <>
void cross_entropy_forward(Cuda where, View logits, View labels, View loss) {
  with_type(logits.dtype, [&]<class T>() {
    const auto stream = static_cast<cudaStream_t>(where.stream);
    const std::int64_t rows = logits.shape[0];
    const unsigned blocks = row_blocks(rows);
    auto* partial = cuda::scratch<acc_t<T>>(where, Scratch::partial_sums, blocks);
    launch("cross_entropy", forward_kernel<T>, blocks, kThreads, 0, stream, rows, logits.shape[1], logits.as<const T>(),
           labels.as<const std::int32_t>(), partial);
    launch("cross_entropy", mean_kernel<T>, 1, kThreads, 0, stream, rows, static_cast<int>(blocks), partial,
           loss.as<T>());
  });
}

template <>
void cross_entropy_backward(Cuda where, View logits, View labels, View grad_loss, View grad_logits) {
  with_type(logits.dtype, [&]<class T>() {
    launch("cross_entropy_backward", backward_kernel<T>, row_blocks(logits.shape[0]), kThreads, 0,
           static_cast<cudaStream_t>(where.stream), logits.shape[0], logits.shape[1], logits.as<const T>(),
           labels.as<const std::int32_t>(), grad_loss.as<const T>(), grad_logits.as<T>());
  });
}

template <>
void count_correct(Cuda where, View logits, View labels, View correct) {
  zero(where, correct);
  with_type(logits.dtype, [&]<class T>() {
    launch("count_correct", count_kernel<T>, row_blocks(logits.shape[0]), kThreads, 0,
           static_cast<cudaStream_t>(where.stream), logits.shape[0], logits.shape[1], logits.as<const T>(),
           labels.as<const std::int32_t>(), correct.as<std::int32_t>());
  });
}

}  // namespace mpad::kernels
