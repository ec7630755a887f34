// SPDX-License-Identifier: MIT
// Products by cuBLAS. A bias joins the sums before their one rounding, so half takes a detour through floats.
#include "blas.h"
#include "elementwise.cuh"
#include "finish.cuh"
#include "scratch.h"

#include <kernels.h>

#include <type_traits>

namespace mpad::kernels {
namespace {

/// y = sums + bias, which may be a slice that is aligned to an element only, and ReLU if asked for; y may be sums.
template <class T, int size>
__global__ void __launch_bounds__(kElementThreads)
    finish_kernel(std::int64_t packs, int packs_of_row, const acc_t<T>* sums, Finish<T> finish, T* y) {
  follow_kernels_before();
  const std::int64_t stride = std::int64_t{gridDim.x} * kElementThreads;
  for (std::int64_t i = std::int64_t{blockIdx.x} * kElementThreads + threadIdx.x; i < packs; i += stride) {
    const auto column = static_cast<int>(i % packs_of_row) * size;
    store<size>(y + i * size, finish(load<size>(sums + i * size), column, packs_of_row * size));
  }
}

template <class T>
void finish_sums(Cuda where, const acc_t<T>* sums, const Finish<T>& finish, const View& y) {
  const std::int64_t columns = y.shape[1];
  T* out = y.as<T>();
  const bool aligned = is_aligned<full_pack<T>>(sums) && is_aligned<full_pack<T>>(out);
  with_pack_size<T>(aligned ? columns : 1, [&]<int size>() {
    const std::int64_t packs = y.numel() / size;
    launch("linear", finish_kernel<T, size>, element_blocks(packs), kElementThreads, 0,
           static_cast<cudaStream_t>(where.stream), packs, static_cast<int>(columns / size), sums, finish, out);
  });
}

}  // namespace

template <>
void linear_forward(Cuda where, View x, View weight, View bias, bool relu, View y) {
  if (!bias.data) {
    cuda::multiply("linear", where, {x}, {weight, true}, y);
    if (relu) relu_forward(where, y, y);
    return;
  }
  with_type(y.dtype, [&]<class T>() {
    using A = acc_t<T>;
    View sums = y;
    if constexpr (!std::is_same_v<T, A>)
      sums = {cuda::scratch<A>(where, Scratch::product, y.numel()), dtype_of<A>, y.shape};
    cuda::multiply("linear", where, {x}, {weight, true}, sums);
    finish_sums<T>(where, sums.as<const A>(), {bias_of<T>(bias), relu}, y);
  });
}

template <>
void linear_backward_data(Cuda where, View grad_y, View weight, View grad_x) {
  cuda::multiply("linear_backward_data", where, {grad_y}, {weight}, grad_x);
}

template <>
void linear_backward_weight(Cuda where, View x, View grad_y, View grad_weight) {
  cuda::multiply("linear_backward_weight", where, {grad_y, true}, {x}, grad_weight);
}

}  // namespace mpad::kernels
