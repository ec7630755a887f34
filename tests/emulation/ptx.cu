// SPDX-License-Identifier: MIT
#include <group_product.cuh>
#include <launch.cuh>
#include <ptx.cuh>

#include "exercises.h"

using mpad::kernels::launch;

namespace mpad::test {
namespace {

__global__ void multiply_half_kernel(const __half* a, const __half* b, float* c) {
  MPAD_SHARED(__half, left, [16][16]);
  MPAD_SHARED(__half, right, [16][8]);
  const unsigned lane = threadIdx.x;
  for (unsigned i = lane; i < 256; i += 32) left[i / 16][i % 16] = a[i];
  for (unsigned i = lane; i < 128; i += 32) right[i / 8][i % 8] = b[i];
  __syncwarp();
  std::uint32_t a_fragment[4], b_fragment[2];
  kernels::ldmatrix(a_fragment, &left[lane % 16][lane / 16 * 8]);
  kernels::ldmatrix_transposed(b_fragment, &right[lane % 16][0]);
  float sums[4] = {0, 0, 0, 0};
  kernels::mma_16x8x16(sums, a_fragment, b_fragment);
  for (unsigned e = 0; e < 4; ++e) c[(lane / 4 + e / 2 * 8) * 8 + lane % 4 * 2 + e % 2] = sums[e];
}

template <kernels::Contiguous a_contiguous, kernels::Contiguous b_contiguous>
__global__ void __launch_bounds__(128) multiply_by_group_kernel(const __half* a, const __half* b, float* c) {
  using kernels::Contiguous;
  using TileA = kernels::GroupShape::TileA<__half, a_contiguous>;
  using TileB = kernels::GroupShape::TileB<__half, b_contiguous>;
  MPAD_SHARED_PERMUTED(__half, left, [128 * 32]);
  MPAD_SHARED_PERMUTED(__half, right, [128 * 32]);
  for (int i = static_cast<int>(threadIdx.x); i < 128 * 32; i += 128) {
    const int along_a = i / 32, depth_a = i % 32, along_b = i % 128, depth_b = i / 128;
    if constexpr (a_contiguous == Contiguous::depth)
      left[TileA::offset(along_a, depth_a)] = a[TileA::source_row(along_a) * 32 + depth_a];
    else
      left[TileA::offset(depth_a, along_a)] = a[i];
    right[b_contiguous == Contiguous::depth ? TileB::offset(along_b, depth_b) : TileB::offset(depth_b, along_b)] = b[i];
  }
  kernels::fence_for_groups();
  __syncthreads();
  kernels::WarpProduct<__half, kernels::GroupShape, a_contiguous, b_contiguous> product;
  product.multiply(left, right);
  product.finish();
  for (int i = 0; i < product.rows; ++i)
    for (int j = 0; j < product.runs; ++j)
      for (int e = 0; e < 2; ++e) c[product.row(i) * 128 + product.column(j) + e] = product.run(i, j).element[e];
}

__global__ void multiply_double_kernel(const double* a, const double* b, double* c) {
  const unsigned lane = threadIdx.x;
  double* out = c + lane / 4 * 8 + lane % 4 * 2;
  double sums[2] = {out[0], out[1]};
  kernels::mma_8x8x4(sums, a[lane], b[lane % 4 * 8 + lane / 4]);
  out[0] = sums[0];
  out[1] = sums[1];
}

__global__ void copy_async_kernel(const char* x, char* y, int valid) {
  MPAD_SHARED(char, tile, [3][16]);
  kernels::cp_async<16>(tile[0], x, valid);
  for (int i = 0; i < 2; ++i) kernels::cp_async<8>(tile[1] + 8 * i, x + 8 * i, min(max(valid - 8 * i, 0), 8));
  for (int i = 0; i < 4; ++i) kernels::cp_async<4>(tile[2] + 4 * i, x + 4 * i, min(max(valid - 4 * i, 0), 4));
  kernels::cp_async_commit();
  kernels::cp_async_wait<0>();
  for (int i = 0; i < 48; ++i) y[i] = tile[i / 16][i % 16];
}

__global__ void pipeline_kernel(const float* x, float* y) {
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

__global__ void compare_halves_kernel(const std::uint32_t* a, const std::uint32_t* b, std::uint32_t* y) {
  const unsigned i = threadIdx.x;
  y[3 * i] = kernels::max_or_nan_half2(a[i], b[i]);
  y[3 * i + 1] = kernels::equal_half2(a[i], b[i]);
  y[3 * i + 2] = kernels::unequal_half2(a[i], b[i]);
}

__global__ void compare_floats_kernel(const float* a, const float* b, float* y) {
  y[threadIdx.x] = kernels::max_or_nan(a[threadIdx.x], b[threadIdx.x]);
}

}  // namespace

void multiply_half(const void* a, const void* b, float* c) {
  launch("multiply", multiply_half_kernel, 1, 32, 0, nullptr, static_cast<const __half*>(a),
         static_cast<const __half*>(b), c);
}
void multiply_by_group(bool a_transposed, bool b_transposed, const void* a, const void* b, float* c) {
  using kernels::Contiguous;
  const auto multiply = [&]<Contiguous of_a, Contiguous of_b>() {
    launch("multiply", multiply_by_group_kernel<of_a, of_b>, 1, 128, 0, nullptr, static_cast<const __half*>(a),
           static_cast<const __half*>(b), c);
  };
  constexpr Contiguous depth = Contiguous::depth, extent = Contiguous::extent;
  if (a_transposed)
    b_transposed ? multiply.operator()<extent, extent>() : multiply.operator()<extent, depth>();
  else
    b_transposed ? multiply.operator()<depth, extent>() : multiply.operator()<depth, depth>();
}
void multiply_double(const double* a, const double* b, double* c) {
  launch("multiply", multiply_double_kernel, 1, 32, 0, nullptr, a, b, c);
}
void copy_async(const void* x, void* y, int valid) {
  launch("copy", copy_async_kernel, 1, 1, 0, nullptr, static_cast<const char*>(x), static_cast<char*>(y), valid);
}
void pipeline(const float* x, float* y) { launch("pipeline", pipeline_kernel, 1, 32, 0, nullptr, x, y); }
void compare_halves(const void* a, const void* b, std::uint32_t* y, int n) {
  launch("compare", compare_halves_kernel, 1, n, 0, nullptr, static_cast<const std::uint32_t*>(a),
         static_cast<const std::uint32_t*>(b), y);
}
void compare_floats(const float* a, const float* b, float* y, int n) {
  launch("compare", compare_floats_kernel, 1, n, 0, nullptr, a, b, y);
}

}  // namespace mpad::test
