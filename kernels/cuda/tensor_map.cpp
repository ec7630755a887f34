// SPDX-License-Identifier: MIT
#include "tensor_map.h"

#include "check.h"

#include <cuda_runtime_api.h>
#include <mpad/core/error.h>

#include <algorithm>
#include <string>

namespace mpad::cuda {
namespace {

// The driver is asked for the function, as no program of mpad's is linked with it.
template <class F>
F* find(const char* op, const char* name) {
  void* function = nullptr;
  cudaDriverEntryPointQueryResult result = cudaDriverEntryPointSymbolNotFound;
#if CUDART_VERSION >= 12050
  kernels::check_cuda(op, cudaGetDriverEntryPointByVersion(name, &function, 12000, cudaEnableDefault, &result));
#else
  kernels::check_cuda(op, cudaGetDriverEntryPoint(name, &function, cudaEnableDefault, &result));
#endif
  if (result != cudaDriverEntryPointSuccess || function == nullptr)
    throw Error(std::string(op) + ": expected a driver of CUDA 12 or later, which has " + name);
  return reinterpret_cast<F*>(function);
}

// The driver, unlike the runtime, does not find a thread's context by itself.
void enter_context(const char* op) {
  static thread_local bool entered = false;
  if (entered) return;
  int device = 0;
  kernels::check_cuda(op, cudaGetDevice(&device));
  kernels::check_cuda(op, cudaSetDevice(device));
  entered = true;
}

void check(const char* op, const char* name, CUresult result) {
  if (result != CUDA_SUCCESS)
    throw Error(std::string(op) + ": expected success from " + name + ", got code " + std::to_string(result));
}

// Bytes from one element of a dimension to the next, of all dimensions but the first.
std::array<cuuint64_t, 3> strides_of(const HalfTensor& tensor) {
  std::array<cuuint64_t, 3> strides{};
  cuuint64_t bytes = sizeof(__half);
  for (std::size_t d = 0; d < strides.size(); ++d) strides[d] = bytes *= static_cast<cuuint64_t>(tensor.size[d]);
  return strides;
}

std::array<cuuint64_t, 4> size_of(const HalfTensor& tensor) {
  std::array<cuuint64_t, 4> size{};
  std::copy(tensor.size.begin(), tensor.size.end(), size.begin());
  return size;
}

CUtensorMapSwizzle permutation(std::uint32_t channels) {
  return channels * sizeof(__half) == 64 ? CU_TENSOR_MAP_SWIZZLE_64B : CU_TENSOR_MAP_SWIZZLE_128B;
}

}  // namespace

bool HalfTensor::can_be_mapped() const {
  constexpr std::int64_t most = std::int64_t{1} << 31;
  constexpr cuuint64_t most_bytes = cuuint64_t{1} << 40;
  const auto counted = [](std::int64_t count) { return count > 0 && count < most; };
  const std::array<cuuint64_t, 3> strides = strides_of(*this);
  return reinterpret_cast<std::uintptr_t>(data) % 16 == 0 && std::all_of(size.begin(), size.end(), counted) &&
         strides[0] % 16 == 0 && strides[2] < most_bytes;
}

std::array<std::int64_t, 2> PixelBox::behind(const HalfTensor& images) const {
  std::array<std::int64_t, 2> distance{};
  for (std::size_t d = 0; d < 2; ++d)
    distance[d] = first[d] + (count[d] - std::int64_t{1}) * step[d] + 1 - images.size[d + 1];
  return distance;
}

bool PixelBox::can_be_mapped(const HalfTensor& images) const {
  const auto is_corner = [](std::int64_t corner) { return corner >= -128 && corner <= 127; };
  const std::array<std::int64_t, 2> last = behind(images);
  for (std::size_t d = 0; d < 2; ++d)
    if (count[d] < 1 || step[d] < 1 || step[d] > 8 || !is_corner(first[d]) || !is_corner(last[d])) return false;
  return true;
}

CUtensorMap map_boxes(const char* op, const HalfTensor& tensor, const std::array<std::uint32_t, 4>& box) {
  constexpr const char* name = "cuTensorMapEncodeTiled";
  static const auto encode = find<decltype(cuTensorMapEncodeTiled)>(op, name);
  enter_context(op);
  const auto size = size_of(tensor);
  const auto strides = strides_of(tensor);
  const std::array<cuuint32_t, 4> steps{1, 1, 1, 1};
  CUtensorMap map;
  check(op, name,
        encode(&map, CU_TENSOR_MAP_DATA_TYPE_FLOAT16, 4, const_cast<__half*>(tensor.data), size.data(), strides.data(),
               box.data(), steps.data(), CU_TENSOR_MAP_INTERLEAVE_NONE, permutation(box[0]),
               CU_TENSOR_MAP_L2_PROMOTION_L2_128B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE));
  return map;
}

CUtensorMap map_pixels(const char* op, const HalfTensor& images, const PixelBox& box, std::uint32_t channels,
                       std::uint32_t pixels) {
  constexpr const char* name = "cuTensorMapEncodeIm2col";
  static const auto encode = find<decltype(cuTensorMapEncodeIm2col)>(op, name);
  enter_context(op);
  const auto size = size_of(images);
  const auto strides = strides_of(images);
  const std::array<cuuint32_t, 4> steps{1, static_cast<cuuint32_t>(box.step[0]), static_cast<cuuint32_t>(box.step[1]),
                                        1};
  // Corners go from w to h, as all else, whatever cuda.h says.
  const std::array<std::int64_t, 2> last = box.behind(images);
  const std::array<int, 2> behind{static_cast<int>(last[0]), static_cast<int>(last[1])};
  CUtensorMap map;
  check(op, name,
        encode(&map, CU_TENSOR_MAP_DATA_TYPE_FLOAT16, 4, const_cast<__half*>(images.data), size.data(), strides.data(),
               box.first.data(), behind.data(), channels, pixels, steps.data(), CU_TENSOR_MAP_INTERLEAVE_NONE,
               permutation(channels), CU_TENSOR_MAP_L2_PROMOTION_L2_128B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE));
  return map;
}

}  // namespace mpad::cuda
