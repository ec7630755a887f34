// SPDX-License-Identifier: MIT
#include "elementwise.cuh"
#include "reduce.cuh"

#include <kernels.h>

namespace mpad::kernels {
namespace {

template <class A>
__device__ int is_nonfinite(A value) {
  return value - value == A(0) ? 0 : 1;
}

template <class T, int size>
__global__ void __launch_bounds__(kElementThreads)
    count_nonfinite_kernel(std::int64_t elements, const T* x, std::int32_t* count) {
  follow_kernels_before();
  const std::int64_t stride = std::int64_t{gridDim.x} * kElementThreads, packs = elements / size;
  const std::int64_t first = std::int64_t{blockIdx.x} * kElementThreads + threadIdx.x;
  int found = 0;
  for (std::int64_t i = first; i < packs; i += stride) {
    const Pack<T, size> pack = load<size>(x + i * size);
    for (int j = 0; j < size; ++j) found += is_nonfinite(widen(pack.element[j]));
  }
  if (size > 1 && first < elements % size) found += is_nonfinite(widen(x[packs * size + first]));
  found = reduce_block<kElementThreads>(found, 0, Add{});
  if (threadIdx.x == 0 && found > 0) atomicAdd(count, found);  // integers: the same in any order
}

// Each block counts at least this much: their sums are few.
constexpr std::int64_t kElementsPerThread = 16;

}  // namespace

template <>
void count_nonfinite(Cuda where, View x, View count) {
  zero(where, count);
  with_type(x.dtype, [&]<class T>() {
    const T* in = x.as<const T>();
    const unsigned blocks = element_blocks(ceil_div(x.numel(), kElementsPerThread));
    const auto run = [&](auto kernel) {
      launch("count_nonfinite", kernel, blocks, kElementThreads, 0, static_cast<cudaStream_t>(where.stream), x.numel(),
             in, count.as<std::int32_t>());
    };
    if (is_aligned<full_pack<T>>(in))
      run(count_nonfinite_kernel<T, full_pack<T>>);
    else
      run(count_nonfinite_kernel<T, 1>);
  });
}

}  // namespace mpad::kernels
