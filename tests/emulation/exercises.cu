// SPDX-License-Identifier: MIT
#include "exercises.h"

#include <launch.cuh>

using mpad::kernels::allow_shared_bytes;
using mpad::kernels::ceil_div;
using mpad::kernels::launch;

namespace mpad::test {
namespace {

constexpr unsigned full = 0xffffffff;

__global__ void number_threads_kernel(int* y) {
  const unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
  const unsigned thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
  const unsigned i = block * blockDim.x * blockDim.y * blockDim.z + thread;
  y[i] = static_cast<int>(i);
}

__global__ void __launch_bounds__(256) sum_blocks_kernel(const float* x, float* sums, int* votes) {
  MPAD_SHARED(float, partial, [256]);
  const float value = __ldg(x + blockIdx.x * 256 + threadIdx.x);
  partial[threadIdx.x] = value;
  for (unsigned stride = 128; stride > 0; stride /= 2) {
    __syncthreads();
    if (threadIdx.x < stride) partial[threadIdx.x] += partial[threadIdx.x + stride];
  }
  const int count = __syncthreads_count(value > 0);
  const int any = __syncthreads_or(value > 0), all = __syncthreads_and(value > 0);
  if (threadIdx.x > 0) return;
  sums[blockIdx.x] = partial[0];
  votes[3 * blockIdx.x] = count;
  votes[3 * blockIdx.x + 1] = any;
  votes[3 * blockIdx.x + 2] = all;
}

__global__ void reverse_kernel(const float* x, float* y) {
  MPAD_DYNAMIC_SHARED(float, tile);
  tile[threadIdx.x] = x[threadIdx.x];
  __syncthreads();
  y[threadIdx.x] = tile[blockDim.x - 1 - threadIdx.x];
}

__global__ void shuffle_kernel(int* y, int width) {
  const int lane = static_cast<int>(threadIdx.x);
  y[4 * lane] = __shfl_sync(full, lane, 1, width);
  y[4 * lane + 1] = __shfl_up_sync(full, lane, 3, width);
  y[4 * lane + 2] = __shfl_down_sync(full, lane, 3, width);
  y[4 * lane + 3] = __shfl_xor_sync(full, lane, 1, width);
}

__global__ void sum_in_partial_masks_kernel(int* y) {
  const int lane = static_cast<int>(threadIdx.x);
  const unsigned mask = lane % 2 ? 0xaaaaaaaa : 0x55555555;
  int sum = lane;
  for (int step = 16; step > 1; step /= 2) sum += __shfl_xor_sync(mask, sum, step);
  y[lane] = sum;
  __syncwarp();
  if (lane < 16)
    y[32 + lane] = __shfl_sync(0x0000ffff, lane, 7);
  else
    y[32 + lane] = __shfl_sync(0xffff0000, lane, 31);
}

__global__ void vote_kernel(int* y) {
  const int lane = static_cast<int>(threadIdx.x);
  const int ballot = static_cast<int>(__ballot_sync(full, lane % 2));
  const int any = __any_sync(full, lane > 30), all = __all_sync(full, lane < 32), not_all = __all_sync(full, lane < 31);
  if (lane != 9) return;
  y[0] = ballot;
  y[1] = any;
  y[2] = all;
  y[3] = not_all;
}

__global__ void sum_over_cluster_kernel(const float* x, float* y) {
  mpad::kernels::follow_kernels_before();
  MPAD_DYNAMIC_SHARED(float, own);
  own[threadIdx.x] = x[blockIdx.y * 64 + threadIdx.x] + static_cast<float>(blockIdx.z);
  mpad::kernels::sync_cluster();
  float sum = 0;
  const unsigned reversed = 63 - threadIdx.x;
  for (unsigned rank = 0; rank < gridDim.z; ++rank) sum += *mpad::kernels::in_block(own + reversed, rank);
  y[(blockIdx.y * gridDim.z + blockIdx.z) * 64 + reversed] = sum;
  mpad::kernels::sync_cluster();
  own[threadIdx.x] = 0;
}

__global__ void leave_early_kernel(int* y) {
  int passed = 0;
  for (; passed < static_cast<int>(threadIdx.x % 4); ++passed) __syncthreads();
  y[threadIdx.x] = passed;
}

__global__ void count_positive_kernel(const float* x, unsigned* count, int n) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < n && x[i] > 0) atomicAdd(count, 1U);
}

__global__ void twice_kernel(const uint4* x, uint4* y, int vectors) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i >= vectors) return;
  uint4 vector = __ldcs(x + i);
  __half* values = reinterpret_cast<__half*>(&vector);
  for (int j = 0; j < 8; ++j) values[j] = __float2half(2 * __half2float(values[j]));
  __stcs(y + i, vector);
}

__global__ void use_dynamic_shared_kernel(int* y, int bytes) {
  MPAD_DYNAMIC_SHARED(char, buffer);
  for (int i = 0; i < bytes; ++i) buffer[i] = 1;
  int sum = 0;
  for (int i = 0; i < bytes; ++i) sum += buffer[i];
  y[0] = sum;
}

}  // namespace

void number_threads(int* y) { launch("number", number_threads_kernel, dim3(2, 3, 2), dim3(4, 3, 5), 0, nullptr, y); }
void sum_blocks(const float* x, float* sums, int* votes, int blocks) {
  launch("sum", sum_blocks_kernel, static_cast<unsigned>(blocks), 256, 0, nullptr, x, sums, votes);
}
void reverse(const float* x, float* y, cudaStream_t stream) {
  launch("reverse", reverse_kernel, 1, 64, 256, stream, x, y);
}
void shuffle(int* y, int width) { launch("shuffle", shuffle_kernel, 1, 32, 0, nullptr, y, width); }
void sum_in_partial_masks(int* y) { launch("sum", sum_in_partial_masks_kernel, 1, 32, 0, nullptr, y); }
void vote(int* y) { launch("vote", vote_kernel, 1, 32, 0, nullptr, y); }
void leave_early(int* y, int threads) {
  launch("leave", leave_early_kernel, 1, static_cast<unsigned>(threads), 0, nullptr, y);
}
void count_positive(const float* x, unsigned* count, int n) {
  launch("count", count_positive_kernel, static_cast<unsigned>(ceil_div(n, 128)), 128, 0, nullptr, x, count, n);
}
void twice(const void* x, void* y, int n) {
  const int vectors = n / 8;
  launch("twice", twice_kernel, static_cast<unsigned>(ceil_div(vectors, 32)), 32, 0, nullptr,
         static_cast<const uint4*>(x), static_cast<uint4*>(y), vectors);
}
void sum_over_cluster(const float* x, float* y, unsigned clusters, unsigned size) {
  const mpad::kernels::LaunchShape shape{dim3(1, clusters, size), 64, 64 * sizeof(float), size};
  launch("cluster", sum_over_cluster_kernel, shape, nullptr, x, y);
}
void use_dynamic_shared(int* y, std::size_t bytes, bool opt_in) {
  if (opt_in) allow_shared_bytes("use", use_dynamic_shared_kernel, bytes);
  launch("use", use_dynamic_shared_kernel, 1, 1, bytes, nullptr, y, static_cast<int>(bytes));
}

}  // namespace mpad::test
