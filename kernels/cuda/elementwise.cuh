// SPDX-License-Identifier: MIT
// Kernels that compute each element alone: 16 bytes at a time where all arrays are aligned to their packs (slices of an
// arena need not be), one element at a time elsewhere. Each element is widened once, computed in acc_t and rounded
// once.
#pragma once
#include "launch.cuh"
#include "vector.cuh"

#include <mpad/core/device.h>

#include <algorithm>
#include <cstdint>

namespace mpad::kernels {

inline constexpr int kElementThreads = 256;

/// Blocks for so many threads' work; a kernel that strides by its grid does what is left.
inline unsigned element_blocks(std::int64_t work) {
  return static_cast<unsigned>(std::min<std::int64_t>(ceil_div<std::int64_t>(work, kElementThreads), 1 << 20));
}

/// How map uses an array.
template <class T, bool is_read, bool is_written>
struct Array {
  using Element = T;
  static constexpr bool read = is_read, written = is_written;
  T* data;
};
template <class T>
Array<const T, true, false> in(const T* data) {
  return {data};
}
template <class T>
Array<T, false, true> out(T* data) {
  return {data};
}
template <class T>
Array<T, true, true> in_out(T* data) {
  return {data};
}

/// Some elements of an array, in registers.
template <int size, class Source>
struct Piece {
  using Element = std::remove_const_t<typename Source::Element>;
  acc_t<Element> value[size];

  __device__ void read(const Source& source, std::int64_t at) {
    if constexpr (Source::read) {
      const Pack<Element, size> pack = load<size>(static_cast<const Element*>(source.data + at));
      for (int i = 0; i < size; ++i) value[i] = widen(pack.element[i]);
    }
  }
  __device__ void write(const Source& target, std::int64_t at) const {
    if constexpr (Source::written) {
      Pack<Element, size> pack;
      for (int i = 0; i < size; ++i) pack.element[i] = narrow<Element>(value[i]);
      store<size>(target.data + at, pack);
    }
  }
};

/// Reads all before it writes any, so that an output may be an input.
template <int size, class F, class... Arrays>
__device__ inline void map_piece(const F& f, std::int64_t at, const Arrays&... arrays) {
  const auto apply = [&](auto... pieces) {
    (pieces.read(arrays, at), ...);
    for (int i = 0; i < size; ++i) f(pieces.value[i]...);
    (pieces.write(arrays, at), ...);
  };
  apply(Piece<size, Arrays>()...);
}

template <int size, class F, class... Arrays>
__global__ void __launch_bounds__(kElementThreads) map_kernel(std::int64_t count, F f, Arrays... arrays) {
  follow_kernels_before();
  if constexpr (requires { f.is_idle(); })
    if (f.is_idle()) return;
  const std::int64_t stride = std::int64_t{gridDim.x} * kElementThreads, packs = count / size;
  const std::int64_t first = std::int64_t{blockIdx.x} * kElementThreads + threadIdx.x;
  for (std::int64_t i = first; i < packs; i += stride) map_piece<size>(f, i * size, arrays...);
  if (size > 1 && first < count % size) map_piece<1>(f, packs * size + first, arrays...);
}

/// Calls f(element...) for each index below count, with the arrays' elements in acc_t; those of an output are what f
/// makes them. f is a functor with a __device__ call operator; where it has is_idle() and that says so, as the kernel
/// runs, nothing is written.
template <class F, class... Arrays>
void map(const char* op, Cuda where, std::int64_t count, const F& f, Arrays... arrays) {
  constexpr int size = std::min({full_pack<typename Arrays::Element>...});
  const auto stream = static_cast<cudaStream_t>(where.stream);
  if ((is_aligned<size>(arrays.data) && ...))
    launch(op, map_kernel<size, F, Arrays...>, element_blocks(ceil_div<std::int64_t>(count, size)), kElementThreads, 0,
           stream, count, f, arrays...);
  else
    launch(op, map_kernel<1, F, Arrays...>, element_blocks(count), kElementThreads, 0, stream, count, f, arrays...);
}

}  // namespace mpad::kernels
