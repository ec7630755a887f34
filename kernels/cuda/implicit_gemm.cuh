// SPDX-License-Identifier: MIT
// The skeleton of every convolution: y (m x n, row-major) = a * b, operands gathered from global memory slice by slice.
// A block has one tile of y and one part of the reduction. The reduction is cut into parts, whose sums another kernel
// adds in order, where there are too few tiles to fill a device. Parts depend on sizes alone, so the bits of a result
// are the same on every device.
#pragma once
#include "launch.cuh"
#include "scratch.h"
#include "warp_product_double.cuh"
#include "warp_product_float.cuh"
#include "warp_product_half.cuh"

#include <algorithm>

namespace mpad::kernels {

/// A matrix, and which axis of it is contiguous: its rows run along the extent (a pixel, a channel of the result) and
/// its columns along the depth of the reduction, or the other way round.
template <class SourceType, Contiguous contiguous_axis>
struct Operand {
  using Source = SourceType;
  static constexpr Contiguous contiguous = contiguous_axis;
  Source source;
};

/// Where sums go: to y, plus bias[column] (if any), rounded once; or, if there are several parts, to `partial`
/// (part, m, n).
template <class T>
struct Destination {
  T* y;
  const T* bias;
  std::int64_t m;
  int n;
  /// Rows of y are aligned to runs of up to four elements, so that none hangs over the end either.
  bool in_runs = n % 4 == 0 && reinterpret_cast<std::uintptr_t>(y) % 16 == 0;
  acc_t<T>* partial = nullptr;

  template <int run>
  __device__ void store(std::int64_t row, int column, const Pack<acc_t<T>, run>& sums) const {
    if (row >= m || column >= n) return;
    const std::int64_t place = row * n + column;
    if (partial != nullptr) {
      store_run(partial + blockIdx.y * m * n + place, column, sums);
      return;
    }
    Pack<T, run> rounded;
#pragma unroll
    for (int e = 0; e < run; ++e) {
      const bool biased = bias != nullptr && column + e < n;
      rounded.element[e] = narrow<T>(biased ? sums.element[e] + widen(bias[column + e]) : sums.element[e]);
    }
    store_run(y + place, column, rounded);
  }

 private:
  template <int run, class E>
  __device__ void store_run(E* to, int column, const Pack<E, run>& pack) const {
    if (in_runs) {
      kernels::store(to, pack);
      return;
    }
#pragma unroll
    for (int e = 0; e < run; ++e)
      if (column + e < n) to[e] = pack.element[e];
  }
};

/// Slices of the reduction: all, and in each part.
struct Slices {
  unsigned count, part;
};

/// Blocks that share a multiprocessor's registers. Before sm_80 its shared memory is enough for one.
#ifdef MPAD_BEFORE_SM80
template <class Shape, int run>
inline constexpr int resident_blocks = 1;
#else
template <class Shape, int run>
inline constexpr int resident_blocks = run == 1 || Shape::threads == 256 ? 2 : 3;
#endif

template <class T, class Shape, int run, class A, class B>
__global__ void __launch_bounds__(Shape::threads, (resident_blocks<Shape, run>))
    multiply_tiles(const A a, const B b, const Destination<T> destination, const Slices slices) {
  using LoaderA = TileLoader<typename A::Source, A::contiguous, Shape::m, Shape::threads, run>;
  using LoaderB = TileLoader<typename B::Source, B::contiguous, Shape::n, Shape::threads, run>;
  constexpr int depth = slice_depth<T>, a_size = Shape::m * depth, size = a_size + Shape::n * depth;
  constexpr int fitting = 48 * 1024 / (size * static_cast<int>(sizeof(T))), stages = fitting < 4 ? fitting : 4;
  MPAD_SHARED(T, tiles, [stages * size]);

  const unsigned columns = ceil_div(static_cast<unsigned>(destination.n), static_cast<unsigned>(Shape::n));
  const unsigned first_m = blockIdx.x / columns * Shape::m, first_n = blockIdx.x % columns * Shape::n;
  const LoaderA load_a(a.source, first_m);
  const LoaderB load_b(b.source, first_n);

  const unsigned begin = blockIdx.y * slices.part, count = min(slices.part, slices.count - begin);
  const auto load = [&](unsigned slice) {
    if (slice < count) {
      T* stage = tiles + static_cast<int>(slice % stages) * size;
      load_a.load(stage, (begin + slice) * depth);
      load_b.load(stage + a_size, (begin + slice) * depth);
    }
    cp_async_commit();
  };
  for (unsigned slice = 0; slice < stages - 1; ++slice) load(slice);
  WarpProduct<T, Shape, A::contiguous, B::contiguous> product;
  for (unsigned slice = 0; slice < count; ++slice) {
    cp_async_wait<stages - 2>();
    __syncthreads();  // the slice is there for all, and the stage of the one before is free
    load(slice + stages - 1);
    const T* stage = tiles + static_cast<int>(slice % stages) * size;
    product.multiply(stage, stage + a_size);
  }
  product.for_each_run([&](int row, int column, const auto& pack) {
    destination.store(std::int64_t{first_m} + row, static_cast<int>(first_n) + column, pack);
  });
}

/// y = the sum of the parts, in order, plus the bias.
template <class T>
__global__ void __launch_bounds__(256) sum_parts(const Destination<T> destination, int parts) {
  const std::int64_t count = destination.m * destination.n;
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * 256 + threadIdx.x;
  if (i >= count) return;
  acc_t<T> sum = destination.partial[i];
  for (int part = 1; part < parts; ++part) sum += destination.partial[part * count + i];
  if (destination.bias != nullptr) sum += widen(destination.bias[i % destination.n]);
  destination.y[i] = narrow<T>(sum);
}

/// Cuts a reduction of `slices` slices, for `tiles` tiles of the result: into parts of at least `least` slices, for
/// about 256 blocks, two for each multiprocessor of a large device.
inline Slices cut_reduction(std::int64_t tiles, std::int64_t slices, std::int64_t least) {
  const std::int64_t parts =
      std::max<std::int64_t>(1, std::min(256 / std::max<std::int64_t>(tiles, 1), slices / least));
  return {static_cast<unsigned>(slices), static_cast<unsigned>(ceil_div(slices, parts))};
}

/// Calls run(destination, parts), which sums each part, and then adds the parts up if there are several.
template <class T, class Run>
void in_parts(const char* op, Cuda where, Destination<T> destination, Slices slices, const Run& run) {
  const unsigned parts = slices.count == 0 ? 1 : ceil_div(slices.count, slices.part);
  const std::int64_t count = destination.m * destination.n;
  if (count == 0) return;
  if (parts > 1) destination.partial = cuda::scratch<acc_t<T>>(where, Scratch::partial_sums, parts * count);
  run(destination, parts);
  if (parts > 1)
    launch(op, sum_parts<T>, static_cast<unsigned>(ceil_div<std::int64_t>(count, 256)), 256, 0,
           static_cast<cudaStream_t>(where.stream), destination, static_cast<int>(parts));
}

/// 128 x 128 for tensor cores. Sums in float and double fill the registers earlier, and 64 x 128 and 128 x 64 leave
/// room for several blocks on a multiprocessor.
template <class T>
using LargeShape =
    std::conditional_t<std::is_same_v<T, half>, BlockShape<4, 2, 64>,
                       std::conditional_t<std::is_same_v<T, float>, BlockShape<2, 2, 64>, BlockShape<4, 2, 32>>>;

/// y = a * b. `packed`: both operands can be copied 16 bytes at a time.
template <class T, class A, class B>
void implicit_gemm(const char* op, Cuda where, const A& a, const B& b, std::int64_t depth, bool packed,
                   const Destination<T>& destination) {
  using Large = LargeShape<T>;
  using Small = BlockShape<2, 2, 32>;
  const bool large = destination.m > Small::m && destination.n > Small::n;
  const auto tiles = [&]<class Shape>(Shape) {
    return ceil_div<std::int64_t>(destination.m, Shape::m) * ceil_div<std::int64_t>(destination.n, Shape::n);
  };
  // The cut must not depend on `packed`, which alignment decides: bits depend on sizes alone.
  const Slices slices =
      cut_reduction(large ? tiles(Large()) : tiles(Small()), ceil_div<std::int64_t>(depth, slice_depth<T>), 8);
  const auto with = [&]<class Shape, int run>() {
    in_parts(op, where, destination, slices, [&](const Destination<T>& to, unsigned parts) {
      launch(op, multiply_tiles<T, Shape, run, A, B>, dim3(static_cast<unsigned>(tiles(Shape())), parts),
             Shape::threads, 0, static_cast<cudaStream_t>(where.stream), a, b, to, slices);
    });
  };
  if (!packed)
    with.template operator()<Small, 1>();
  else if (large)
    with.template operator()<Large, full_pack<T>>();
  else
    with.template operator()<Small, full_pack<T>>();
}

/// Whether rows of `extent` elements from p on can be copied 16 bytes at a time.
template <class T>
bool in_packs(const T* p, std::int64_t extent) {
  return extent % full_pack<T> == 0 && reinterpret_cast<std::uintptr_t>(p) % 16 == 0;
}

}  // namespace mpad::kernels
