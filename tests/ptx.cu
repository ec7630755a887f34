// SPDX-License-Identifier: MIT
#include "ptx.h"

#include <cuda/group_product.cuh>
#include <cuda/launch.cuh>

namespace mpad::test {
namespace {

__global__ void multiply_half_kernel(const __half* a, const __half* b, float* c) {
  kernels::follow_kernels_before();
  MPAD_SHARED(__half, left, [16][16]);
  MPAD_SHARED(__half, right, [16][16]);
  const unsigned lane = threadIdx.x;
  for (unsigned i = lane; i < 256; i += 32) {
    left[i / 16][i % 16] = a[i];
    right[i / 16][i % 16] = b[i];
  }
  __syncwarp();
  std::uint32_t a_part[4], b_pair[4];
  kernels::ldmatrix(a_part, &left[lane % 16][lane / 16 * 8]);
  kernels::ldmatrix_transposed(b_pair, &right[lane % 16][lane / 16 * 8]);
  for (unsigned j = 0; j < 2; ++j) {
    float sums[4] = {0, 0, 0, 0};
    const std::uint32_t b_part[2] = {b_pair[2 * j], b_pair[2 * j + 1]};
    kernels::mma_16x8x16(sums, a_part, b_part);
    for (unsigned e = 0; e < 4; ++e) c[(lane / 4 + e / 2 * 8) * 16 + 8 * j + lane % 4 * 2 + e % 2] = sums[e];
  }
}

template <int columns, kernels::Contiguous a_contiguous, kernels::Contiguous b_contiguous>
__global__ void __launch_bounds__(128) multiply_by_group_kernel(const __half* a, const __half* b, float* c) {
  kernels::follow_kernels_before();
  using kernels::Contiguous;
  using Shape = kernels::GroupShape<columns>;
  using TileA = typename Shape::template TileA<__half, a_contiguous>;
  using TileB = typename Shape::template TileB<__half, b_contiguous>;
  MPAD_SHARED_PERMUTED(__half, left, [128 * 32]);
  MPAD_SHARED_PERMUTED(__half, right, [columns * 32]);
  for (int i = static_cast<int>(threadIdx.x); i < 128 * 32; i += 128) {
    const int along = i / 32, depth = i % 32;
    if constexpr (a_contiguous == Contiguous::depth)
      left[TileA::offset(along, depth)] = a[i];
    else
      left[TileA::offset(depth, along)] = a[i];
  }
  for (int i = static_cast<int>(threadIdx.x); i < columns * 32; i += 128) {
    const int along = i % columns, depth = i / columns;
    right[b_contiguous == Contiguous::depth ? TileB::offset(along, depth) : TileB::offset(depth, along)] = b[i];
  }
  kernels::fence_for_groups();
  __syncthreads();
  kernels::WarpProduct<__half, Shape, a_contiguous, b_contiguous> product;
  product.multiply(left, right);
  product.finish();
#pragma unroll
  for (int i = 0; i < product.rows; ++i)
#pragma unroll
    for (int j = 0; j < product.runs; ++j)
      for (int e = 0; e < 2; ++e) c[product.row(i) * columns + product.column(j) + e] = product.run(i, j).element[e];
}

__global__ void multiply_double_kernel(const double* a, const double* b, const double* sums, double* c) {
  kernels::follow_kernels_before();
  const unsigned lane = threadIdx.x, at = lane / 4 * 8 + lane % 4 * 2;
  double part[2] = {sums[at], sums[at + 1]};
  kernels::mma_8x8x4(part, a[lane], b[lane % 4 * 8 + lane / 4]);
  c[at] = part[0];
  c[at + 1] = part[1];
}

__global__ void copy_async_kernel(const std::uint8_t* x, std::uint8_t* y, int valid) {
  kernels::follow_kernels_before();
  MPAD_SHARED(std::uint8_t, tile, [3][16]);
  kernels::cp_async<16>(tile[0], x, valid);
  for (int i = 0; i < 2; ++i) kernels::cp_async<8>(tile[1] + 8 * i, x + 8 * i, min(max(valid - 8 * i, 0), 8));
  for (int i = 0; i < 4; ++i) kernels::cp_async<4>(tile[2] + 4 * i, x + 4 * i, min(max(valid - 4 * i, 0), 4));
  kernels::cp_async_commit();
  kernels::cp_async_wait<0>();
  for (int i = 0; i < 48; ++i) y[i] = tile[i / 16][i % 16];
}

__global__ void pipeline_kernel(const float* x, float* y) {
  kernels::follow_kernels_before();
  constexpr int stages = 4;
  MPAD_SHARED(float, tile, [2][32]);
  const int lane = static_cast<int>(threadIdx.x);
  const auto fetch = [&](int stage) {
    if (stage < stages) kernels::cp_async<4>(&tile[stage % 2][lane], x + stage * 32 + lane);
    kernels::cp_async_commit();
  };
  fetch(0);
  for (int stage = 0; stage < stages; ++stage) {
    fetch(stage + 1);
    kernels::cp_async_wait<1>();
    __syncthreads();
    y[stage * 32 + lane] = tile[stage % 2][31 - lane] + 1;
    __syncthreads();
  }
}

__global__ void sum_over_cluster_kernel(const float* x, float* y) {
  kernels::follow_kernels_before();
  MPAD_DYNAMIC_SHARED(float, own);
  own[threadIdx.x] = x[blockIdx.z * blockDim.x + threadIdx.x];
  kernels::sync_cluster();
  float sum = 0;
  for (unsigned rank = 0; rank < gridDim.z; ++rank) sum += *kernels::in_block(own + blockDim.x - 1 - threadIdx.x, rank);
  y[blockIdx.z * blockDim.x + threadIdx.x] = sum;
  kernels::sync_cluster();
}

__global__ void compare_halves_kernel(const std::uint32_t* a, const std::uint32_t* b, std::uint32_t* larger,
                                      std::uint32_t* equal, std::uint32_t* unequal) {
  kernels::follow_kernels_before();
  const unsigned i = threadIdx.x;
  larger[i] = kernels::max_or_nan_half2(a[i], b[i]);
  equal[i] = kernels::equal_half2(a[i], b[i]);
  unequal[i] = kernels::unequal_half2(a[i], b[i]);
}

__global__ void compare_floats_kernel(const float* a, const float* b, float* larger) {
  kernels::follow_kernels_before();
  larger[threadIdx.x] = kernels::max_or_nan(a[threadIdx.x], b[threadIdx.x]);
}

/// Halves or their masks, two at a time.
template <class T>
auto* in_pairs(const View& view) {
  using Pair = std::conditional_t<std::is_const_v<T>, const std::uint32_t, std::uint32_t>;
  return reinterpret_cast<Pair*>(view.as<T>());
}

/// A block of so many threads.
template <class... Parameters, class... Args>
void run(Cuda where, void (*kernel)(Parameters...), std::int64_t threads, Args... args) {
  kernels::launch("ptx", kernel, 1, static_cast<unsigned>(threads), 0, static_cast<cudaStream_t>(where.stream),
                  args...);
}

}  // namespace

void multiply_half(Cuda where, View a, View b, View c) {
  run(where, multiply_half_kernel, 32, a.as<const __half>(), b.as<const __half>(), c.as<float>());
}
void multiply_by_group(Cuda where, bool a_transposed, bool b_transposed, View a, View b, View c) {
  using kernels::Contiguous;
  const auto multiply = [&]<Contiguous of_a, Contiguous of_b>() {
    const auto kernel =
        b.shape[1] == 64 ? multiply_by_group_kernel<64, of_a, of_b> : multiply_by_group_kernel<128, of_a, of_b>;
    run(where, kernel, 128, a.as<const __half>(), b.as<const __half>(), c.as<float>());
  };
  constexpr Contiguous depth = Contiguous::depth, extent = Contiguous::extent;
  if (a_transposed)
    b_transposed ? multiply.operator()<extent, extent>() : multiply.operator()<extent, depth>();
  else
    b_transposed ? multiply.operator()<depth, extent>() : multiply.operator()<depth, depth>();
}
void multiply_double(Cuda where, View a, View b, View sums, View c) {
  run(where, multiply_double_kernel, 32, a.as<const double>(), b.as<const double>(), sums.as<const double>(),
      c.as<double>());
}
void copy_async(Cuda where, View x, View y, int valid) {
  run(where, copy_async_kernel, 1, x.as<const std::uint8_t>(), y.as<std::uint8_t>(), valid);
}
void pipeline(Cuda where, View x, View y) { run(where, pipeline_kernel, 32, x.as<const float>(), y.as<float>()); }
void sum_over_cluster(Cuda where, View x, View y) {
  const auto blocks = static_cast<unsigned>(x.shape[0]), threads = static_cast<unsigned>(x.shape[1]);
  const kernels::LaunchShape shape{dim3(1, 1, blocks), threads, threads * sizeof(float), blocks};
  kernels::launch("ptx", sum_over_cluster_kernel, shape, static_cast<cudaStream_t>(where.stream), x.as<const float>(),
                  y.as<float>());
}
void compare_halves(Cuda where, View a, View b, View larger, View equal, View unequal) {
  run(where, compare_halves_kernel, a.numel() / 2, in_pairs<const __half>(a), in_pairs<const __half>(b),
      in_pairs<__half>(larger), in_pairs<std::uint16_t>(equal), in_pairs<std::uint16_t>(unequal));
}
void compare_floats(Cuda where, View a, View b, View larger) {
  run(where, compare_floats_kernel, a.numel(), a.as<const float>(), b.as<const float>(), larger.as<float>());
}

}  // namespace mpad::test
