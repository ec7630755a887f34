// SPDX-License-Identifier: MIT
#include "tensor_copy.h"

#include <cuda/group_product.cuh>
#include <cuda/launch.cuh>
#include <cuda/tensor_copy.cuh>

namespace mpad::test {
namespace {

/// Copies so many rows of 32 or 64 channels from `at`, and then from there in the next image.
template <int width, bool of_pixels>
__global__ void __launch_bounds__(64) copy_tensor_kernel(MPAD_GRID_CONSTANT const CUtensorMap map, int rows,
                                                         kernels::TensorPlace at, int right, int down, __half* y) {
  kernels::follow_kernels_before();
  using kernels::Contiguous;
  using Tile = kernels::GroupTile<width == 32 ? Contiguous::depth : Contiguous::extent, 64>;
  MPAD_DYNAMIC_SHARED_PERMUTED(__half, tile);
  MPAD_SHARED(kernels::CopyBarrier, copied, [1]);
  if (threadIdx.x == 0) {
    copied[0].init();
    kernels::commit_barriers();
  }
  __syncthreads();
  for (unsigned phase = 0; phase < 2; ++phase) {
    if (threadIdx.x == 0) {
      copied[0].expect(static_cast<unsigned>(rows * width) * sizeof(__half));
      if constexpr (of_pixels)
        kernels::copy_pixels(tile, map, at, right, down, copied[0]);
      else
        kernels::copy_box(tile, map, at, copied[0]);
      ++at.n;
    }
    copied[0].wait(phase);
    for (int i = static_cast<int>(threadIdx.x); i < rows * width; i += 64)
      y[static_cast<int>(phase) * rows * width + i] = tile[Tile::offset(i / width, i % width)];
    __syncthreads();
  }
}

cuda::HalfTensor tensor_of(View x) { return {x.as<const __half>(), {x.shape[3], x.shape[2], x.shape[1], x.shape[0]}}; }

template <bool of_pixels>
void copy_tensor(Cuda where, const CUtensorMap& map, std::array<int, 4> at, int right, int down, View y) {
  const auto rows = static_cast<int>(y.shape[0] / 2);
  const bool narrow = y.shape[1] == 32;
  const auto kernel = narrow ? copy_tensor_kernel<32, of_pixels> : copy_tensor_kernel<64, of_pixels>;
  kernels::launch("tensor_copy", kernel, 1, 64, static_cast<std::size_t>(y.numel()) * sizeof(__half) / 2,
                  static_cast<cudaStream_t>(where.stream), map, rows, kernels::TensorPlace{at[0], at[1], at[2], at[3]},
                  right, down, y.as<__half>());
}

}  // namespace

void copy_boxes(Cuda where, View x, std::array<std::uint32_t, 3> box, std::array<int, 4> at, View y) {
  const auto channels = static_cast<std::uint32_t>(y.shape[1]);
  copy_tensor<false>(where, cuda::map_boxes("tensor_copy", tensor_of(x), {channels, box[0], box[1], box[2]}), at, 0, 0,
                     y);
}
void copy_pixels(Cuda where, View x, const cuda::PixelBox& box, std::array<int, 4> at, int right, int down, View y) {
  const auto channels = static_cast<std::uint32_t>(y.shape[1]), pixels = static_cast<std::uint32_t>(y.shape[0] / 2);
  copy_tensor<true>(where, cuda::map_pixels("tensor_copy", tensor_of(x), box, channels, pixels), at, right, down, y);
}

}  // namespace mpad::test
