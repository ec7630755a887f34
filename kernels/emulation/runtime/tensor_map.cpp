// SPDX-License-Identifier: MIT
// The driver's encoders of tensor maps, for two-byte elements of four dimensions, and the way to them.
#include "../tensor_view.h"

#include <cuda.h>
#include <cuda_runtime_api.h>

#include <cstring>
#include <string_view>

namespace mpad::emulation {
namespace {

// What both encoders ask of their arguments, and the bits of addresses that the copies permute.
bool encode(TensorView& view, CUtensorMapDataType type, cuuint32_t rank, void* data, const cuuint64_t* size,
            const cuuint64_t* strides, const cuuint32_t* steps, CUtensorMapInterleave interleave,
            CUtensorMapSwizzle swizzle) {
  constexpr std::uint64_t most = std::uint64_t{1} << 31, most_stride = std::uint64_t{1} << 40;
  if (type != CU_TENSOR_MAP_DATA_TYPE_FLOAT16 || rank != TensorView::rank) return false;
  if (interleave != CU_TENSOR_MAP_INTERLEAVE_NONE || reinterpret_cast<std::uintptr_t>(data) % 16 != 0) return false;
  view.data = static_cast<const char*>(data);
  for (cuuint32_t d = 0; d < rank; ++d) {
    if (size[d] == 0 || size[d] >= most || steps[d] == 0 || steps[d] > 8) return false;
    view.size[d] = static_cast<int>(size[d]);
    view.steps[d] = static_cast<int>(steps[d]);
    if (d == 0) continue;
    if (strides[d - 1] % 16 != 0 || strides[d - 1] >= most_stride) return false;
    view.strides[d - 1] = strides[d - 1];
  }
  if (swizzle != CU_TENSOR_MAP_SWIZZLE_64B && swizzle != CU_TENSOR_MAP_SWIZZLE_128B) return false;
  view.permuted = swizzle == CU_TENSOR_MAP_SWIZZLE_64B ? 2 : 3;
  return true;
}

// Rows may not be longer than what is permuted.
bool is_row(const TensorView& view) {
  return view.bytes_of_row() % 16 == 0 && view.bytes_of_row() <= std::size_t{16} << view.permuted;
}

CUresult finish(CUtensorMap* map, const TensorView& view) {
  std::memcpy(map, &view, sizeof(view));
  return CUDA_SUCCESS;
}

CUresult CUDAAPI encode_boxes(CUtensorMap* map, CUtensorMapDataType type, cuuint32_t rank, void* data,
                              const cuuint64_t* size, const cuuint64_t* strides, const cuuint32_t* box,
                              const cuuint32_t* steps, CUtensorMapInterleave interleave, CUtensorMapSwizzle swizzle,
                              CUtensorMapL2promotion, CUtensorMapFloatOOBfill) {
  TensorView view{};
  if (!encode(view, type, rank, data, size, strides, steps, interleave, swizzle)) return CUDA_ERROR_INVALID_VALUE;
  for (cuuint32_t d = 0; d < rank; ++d) {
    if (box[d] == 0 || box[d] > 256 || steps[d] != 1) return CUDA_ERROR_INVALID_VALUE;
    view.box[d] = static_cast<int>(box[d]);
  }
  return is_row(view) ? finish(map, view) : CUDA_ERROR_INVALID_VALUE;
}

CUresult CUDAAPI encode_pixels(CUtensorMap* map, CUtensorMapDataType type, cuuint32_t rank, void* data,
                               const cuuint64_t* size, const cuuint64_t* strides, const int* lower, const int* upper,
                               cuuint32_t channels, cuuint32_t pixels, const cuuint32_t* steps,
                               CUtensorMapInterleave interleave, CUtensorMapSwizzle swizzle, CUtensorMapL2promotion,
                               CUtensorMapFloatOOBfill) {
  TensorView view{};
  if (!encode(view, type, rank, data, size, strides, steps, interleave, swizzle)) return CUDA_ERROR_INVALID_VALUE;
  if (channels == 0 || channels > 256 || pixels == 0 || pixels > 1024) return CUDA_ERROR_INVALID_VALUE;
  view.box[0] = static_cast<int>(channels);
  view.pixels = static_cast<int>(pixels);
  for (int d = 0; d < 2; ++d) {
    for (const int corner : {lower[d], upper[d]})
      if (corner < -128 || corner > 127) return CUDA_ERROR_INVALID_VALUE;
    if (lower[d] >= view.size[d + 1] + upper[d]) return CUDA_ERROR_INVALID_VALUE;
    view.first[d] = lower[d], view.behind[d] = upper[d];
  }
  return is_row(view) ? finish(map, view) : CUDA_ERROR_INVALID_VALUE;
}

cudaError_t find(std::string_view name, void** function, cudaDriverEntryPointQueryResult* result) {
  *function = nullptr;
  if (name == "cuTensorMapEncodeTiled") *function = reinterpret_cast<void*>(&encode_boxes);
  if (name == "cuTensorMapEncodeIm2col") *function = reinterpret_cast<void*>(&encode_pixels);
  *result = *function == nullptr ? cudaDriverEntryPointSymbolNotFound : cudaDriverEntryPointSuccess;
  return cudaSuccess;
}

}  // namespace
}  // namespace mpad::emulation

extern "C" {
#if CUDART_VERSION >= 12050
cudaError_t cudaGetDriverEntryPointByVersion(const char* name, void** function, unsigned, unsigned long long,
                                             cudaDriverEntryPointQueryResult* result) {
#else
cudaError_t cudaGetDriverEntryPoint(const char* name, void** function, unsigned long long,
                                    cudaDriverEntryPointQueryResult* result) {
#endif
  return mpad::emulation::find(name, function, result);
}
}
