// SPDX-License-Identifier: MIT
#include "faults.h"

#include <tensor_map.h>
#include <launch.cuh>
#include <ptx.cuh>
#include <tensor_copy.cuh>

using mpad::kernels::launch;
using mpad::kernels::LaunchShape;

namespace mpad::test {
namespace {

constexpr unsigned full = 0xffffffff;

__global__ void divergent_barrier_kernel(float* y) {
  if (threadIdx.x < 32)
    __syncthreads();  // one barrier
  else
    __syncthreads();  // the other barrier
  y[threadIdx.x] = 1;
}

__global__ void deadlock_kernel(float* y) {
  if (threadIdx.x == 5) __syncthreads();            // barrier of one lane
  y[threadIdx.x] = __shfl_xor_sync(full, 1.0f, 1);  // shuffle of the others
}

__global__ void shuffle_after_return_kernel(float* y) {
  if (threadIdx.x == 3) return;
  y[threadIdx.x] = __shfl_xor_sync(full, 1.0f, 1);  // shuffle with a lane that returned
}

__global__ void shuffle_in_partial_warp_kernel(float* y) {
  const float value = __shfl_xor_sync(full, 1.0f, 1);  // shuffle with absent lanes
  y[threadIdx.x] = value;
}

__global__ void shuffle_with_two_masks_kernel(float* y) {
  const unsigned mask = threadIdx.x < 16 ? full : 0xffffff00;
  y[threadIdx.x] = __shfl_xor_sync(mask, 1.0f, 1);  // shuffle with two masks
}

__global__ void ballot_without_oneself_kernel(float* y) {
  y[threadIdx.x] = static_cast<float>(__ballot_sync(0xfffffffe, 1));  // ballot without oneself
}

__global__ void shuffle_from_outside_mask_kernel(float* y) {
  if (threadIdx.x < 16) y[threadIdx.x] = __shfl_sync(0xffff, 1.0f, 20);  // shuffle from outside the mask
}

__global__ void too_much_static_shared_kernel(float* y) {
#ifdef MPAD_EMULATED  // nvcc refuses to compile it
  MPAD_SHARED(float, first, [12 * 1024]);
  MPAD_SHARED(float, second, [1]);  // one array too many
  first[threadIdx.x] = second[0] = 1;
#endif
  y[threadIdx.x] = 1;
}

__global__ void static_beside_dynamic_shared_kernel(float* y) {
  MPAD_DYNAMIC_SHARED(float, tile);
  MPAD_SHARED(float, sums, [2]);  // beside dynamic memory
  tile[0] = sums[0] = 1;
  y[threadIdx.x] = tile[0] + sums[0];
}

__global__ void misaligned_copy_kernel(float* y) {
  MPAD_SHARED(float, tile, [8]);
  kernels::cp_async<16>(tile + 1, y);  // misaligned copy
}

__global__ void misaligned_ldmatrix_kernel(float* y) {
  MPAD_SHARED(float, tile, [256]);
  std::uint32_t fragment[4];
  kernels::ldmatrix(fragment, tile + threadIdx.x);  // misaligned rows
  y[threadIdx.x] = static_cast<float>(fragment[0]);
}

__global__ void ldmatrix_of_global_memory_kernel(float* y) {
  std::uint32_t fragment[4];
  kernels::ldmatrix(fragment, y + threadIdx.x * 4);  // rows of global memory
  y[threadIdx.x] = static_cast<float>(fragment[0]);
}

template <bool waits_first, bool waits_last>
__global__ void read_cluster_kernel(float* y) {
  MPAD_DYNAMIC_SHARED(float, own);
  own[threadIdx.x] = 1;
  if (waits_first) mpad::kernels::sync_cluster();
  float sum = 0;
  for (unsigned rank = 0; rank < 2; ++rank)
    sum += *mpad::kernels::in_block(own + threadIdx.x, rank);  // read of the cluster
  y[blockIdx.z] = sum;
  if (waits_last) mpad::kernels::sync_cluster();
}

__global__ void read_beyond_cluster_kernel(float* y) {
  MPAD_DYNAMIC_SHARED(float, own);
  y[threadIdx.x] = *mpad::kernels::in_block(own, 2);  // beyond the cluster
}

__global__ void read_static_of_cluster_kernel(float* y) {
  MPAD_SHARED(float, own, [1]);
  y[threadIdx.x] = *mpad::kernels::in_block(own, 1);  // static memory of the cluster
}

__global__ void wait_for_cluster_and_block_kernel(float* y) {
  if (threadIdx.x < 16)
    mpad::kernels::sync_cluster();  // some for the cluster
  else
    __syncthreads();  // others for the block
  y[threadIdx.x] = 1;
}

enum class TensorFault { misaligned, not_shared, no_barrier, left, not_expected };

template <TensorFault fault>
__global__ void copy_tensor_kernel(MPAD_GRID_CONSTANT const CUtensorMap map, float* y) {
  using kernels::CopyBarrier;
  constexpr kernels::TensorPlace at{0, 0, 0, 0};
  constexpr unsigned bytes = 8 * 64;
  MPAD_SHARED_PERMUTED(__half, tile, [2 * bytes]);
  MPAD_SHARED(CopyBarrier, copied, [1]);
  if (fault != TensorFault::no_barrier) copied[0].init();
  if (fault != TensorFault::not_expected && fault != TensorFault::no_barrier) copied[0].expect(bytes);
  if (fault == TensorFault::misaligned) kernels::copy_box(tile + 8, map, at, copied[0]);  // misaligned box
  if (fault == TensorFault::not_shared) kernels::copy_box(y, map, at, copied[0]);         // box outside
  if (fault == TensorFault::no_barrier) kernels::copy_box(tile, map, at, copied[0]);      // box without a barrier
  if (fault == TensorFault::left) kernels::copy_box(tile, map, at, copied[0]);
  if (fault == TensorFault::not_expected) copied[0].wait(0);  // wait for nothing
  y[0] = 1;
}

template <TensorFault fault>
void copy_tensor(float* y) {
  const cuda::HalfTensor tensor{reinterpret_cast<const __half*>(y), {32, 8, 1, 1}};
  launch("fault", copy_tensor_kernel<fault>, 1, 1, 0, nullptr, cuda::map_boxes("fault", tensor, {32, 8, 1, 1}), y);
}

__global__ void follow_by_halves_kernel(float* y) {
  if (threadIdx.x % 2 == 0) mpad::kernels::follow_kernels_before();
  y[threadIdx.x] = 1;
}

__global__ void race_without_barrier_kernel(float* y) {
  MPAD_SHARED(float, tile, [128]);
  const unsigned i = threadIdx.x;
  tile[i] = static_cast<float>(i);
  y[i] = i == 0 ? -1.0f : tile[i - 1];
}

__device__ float sum_of_warp(float value) {
  for (int distance = 16; distance > 0; distance /= 2) value += __shfl_xor_sync(0xffffffff, value, distance);
  return value;
}

__global__ void overtake_readers_kernel(float* y) {
  MPAD_SHARED(float, partial, [8]);
  const unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  for (int round = 0; round < 2; ++round) {
    const float sum = sum_of_warp(1000.0f * static_cast<float>(round + 1));
    if (lane == 0) partial[warp] = sum;
    __syncthreads();
    const float total = sum_of_warp(lane < 8 ? partial[lane] : 0);
    if (threadIdx.x == 0) y[round] = total;
  }
}

__global__ void read_uninitialised_shared_kernel(float* y) {
  MPAD_SHARED(float, tile, [64]);
  y[threadIdx.x] = tile[threadIdx.x];
}

__global__ void read_before_copy_kernel(const float* x, float* y) {
  MPAD_SHARED(float, tile, [4]);
  for (int i = 0; i < 4; ++i) tile[i] = 0;
  kernels::cp_async<16>(tile, x);
  kernels::cp_async_commit();
  y[0] = tile[0];
  kernels::cp_async_wait<0>();
  y[1] = tile[0];
}

__global__ void write_static_shared_kernel(float* y, int first) {
  MPAD_SHARED(float, tile, [64]);
  float* const start = tile;  // UndefinedBehaviorSanitizer knows no bounds here
  start[static_cast<int>(threadIdx.x) + first] = 1;
  y[threadIdx.x] = tile[threadIdx.x];
}

__global__ void overflow_dynamic_shared_kernel(float* y) {
  MPAD_DYNAMIC_SHARED(float, tile);
  tile[threadIdx.x + 1] = 1;
  y[threadIdx.x] = tile[threadIdx.x];
}

__global__ void write_global_kernel(float* y, int index) { y[index] = 1; }

__global__ void overflow_local_kernel(float* y, int index) {
  float local[8];
  float* const start = local;
  for (int i = 0; i <= index; ++i) start[i] = static_cast<float>(i);
  y[0] = start[index / 2];
}

__global__ void nothing_kernel() {}

}  // namespace

void divergent_barrier(float* y) { launch("fault", divergent_barrier_kernel, 2, 64, 0, nullptr, y); }
void deadlock(float* y) { launch("fault", deadlock_kernel, 1, 32, 0, nullptr, y); }
void shuffle_after_return(float* y) { launch("fault", shuffle_after_return_kernel, 1, 32, 0, nullptr, y); }
void shuffle_in_partial_warp(float* y) { launch("fault", shuffle_in_partial_warp_kernel, 1, 48, 0, nullptr, y); }
void shuffle_with_two_masks(float* y) { launch("fault", shuffle_with_two_masks_kernel, 1, 32, 0, nullptr, y); }
void ballot_without_oneself(float* y) { launch("fault", ballot_without_oneself_kernel, 1, 32, 0, nullptr, y); }
void shuffle_from_outside_mask(float* y) { launch("fault", shuffle_from_outside_mask_kernel, 1, 32, 0, nullptr, y); }
void too_much_static_shared(float* y) { launch("fault", too_much_static_shared_kernel, 1, 32, 0, nullptr, y); }
void static_beside_dynamic_shared(float* y) {
  launch("fault", static_beside_dynamic_shared_kernel, 1, 1, 48 * 1024, nullptr, y);
}
void misaligned_copy(float* y) { launch("fault", misaligned_copy_kernel, 1, 1, 0, nullptr, y); }
void misaligned_ldmatrix(float* y) { launch("fault", misaligned_ldmatrix_kernel, 1, 32, 0, nullptr, y); }
void ldmatrix_of_global_memory(float* y) { launch("fault", ldmatrix_of_global_memory_kernel, 1, 32, 0, nullptr, y); }
void misaligned_tensor_copy(float* y) { copy_tensor<TensorFault::misaligned>(y); }
void tensor_copy_to_global_memory(float* y) { copy_tensor<TensorFault::not_shared>(y); }
void tensor_copy_without_barrier(float* y) { copy_tensor<TensorFault::no_barrier>(y); }
void leave_tensor_copy(float* y) { copy_tensor<TensorFault::left>(y); }
void wait_for_no_tensor_copy(float* y) { copy_tensor<TensorFault::not_expected>(y); }
void race_without_barrier(float* y) { launch("race", race_without_barrier_kernel, 1, 128, 0, nullptr, y); }
void overtake_readers(float* y) { launch("race", overtake_readers_kernel, 1, 256, 0, nullptr, y); }
void read_uninitialised_shared(float* y) { launch("read", read_uninitialised_shared_kernel, 1, 64, 0, nullptr, y); }
void read_before_copy(const float* x, float* y) { launch("read", read_before_copy_kernel, 1, 1, 0, nullptr, x, y); }
void overflow_static_shared(float* y) { launch("fault", write_static_shared_kernel, 1, 64, 0, nullptr, y, 1); }
void underflow_static_shared(float* y) { launch("fault", write_static_shared_kernel, 1, 64, 0, nullptr, y, -1); }
void overflow_dynamic_shared(float* y) { launch("fault", overflow_dynamic_shared_kernel, 1, 64, 256, nullptr, y); }
void write_global(float* y, int index) { launch("fault", write_global_kernel, 1, 1, 0, nullptr, y, index); }
void overflow_local(float* y, int index) { launch("fault", overflow_local_kernel, 1, 1, 0, nullptr, y, index); }

void run_cluster(void (*kernel)(float*), float* y) {
  launch("fault", kernel, LaunchShape{dim3(1, 1, 2), 32, 32 * sizeof(float), 2}, nullptr, y);
}
void read_cluster_too_early(float* y) { run_cluster(read_cluster_kernel<false, true>, y); }
void leave_cluster_too_early(float* y) { run_cluster(read_cluster_kernel<true, false>, y); }
void read_beyond_cluster(float* y) { run_cluster(read_beyond_cluster_kernel, y); }
void read_static_of_cluster(float* y) { run_cluster(read_static_of_cluster_kernel, y); }
void wait_for_cluster_and_block(float* y) { run_cluster(wait_for_cluster_and_block_kernel, y); }
void follow_by_halves(float* y) { launch("fault", follow_by_halves_kernel, 1, 64, 0, nullptr, y); }

void launch_with(unsigned threads, unsigned z_blocks, unsigned long shared_bytes, unsigned cluster) {
  launch("configuration", nothing_kernel, LaunchShape{dim3(1, 1, z_blocks), threads, shared_bytes, cluster}, nullptr);
}

}  // namespace mpad::test
