// SPDX-License-Identifier: MIT
// What the tensor memory accelerator of sm_90 copies by: where halves lie in global memory, and what is brought at a
// time.
#pragma once
#include <cuda.h>
#include <cuda_fp16.h>

#include <array>
#include <cstdint>

namespace mpad::cuda {

/// Halves at `data` as n,h,w,c, from the last dimension on, each dimension contiguous in the next.
struct HalfTensor {
  const __half* data;
  std::array<std::int64_t, 4> size;  // c, w, h, n

  /// Whether a map of it can be made: 16 bytes divide places and rows, and 31 bits count what 40 bits reach.
  bool can_be_mapped() const;
};

/// Pixels of images by their positions along w and h: from first[i] on, every step[i]-th, count[i] of them, may be
/// outside.
struct PixelBox {
  std::array<int, 2> first, step, count;

  /// How far behind the last pixel of images of this size the box's last one lies.
  std::array<std::int64_t, 2> behind(const HalfTensor& images) const;
  /// Whether maps of images of this size have room for it.
  bool can_be_mapped(const HalfTensor& images) const;
};

/// Copies of boxes of box[0] (32 or 64) channels by box[1] by box[2] by box[3], the first of them contiguous in shared
/// memory, where chunks of 16 bytes are permuted as products of a warpgroup want it; zeros outside. Throws Error,
/// naming `op`, where the driver refuses.
CUtensorMap map_boxes(const char* op, const HalfTensor& tensor, const std::array<std::uint32_t, 4>& box);

/// The same of so many channels of so many of the pixels, in row-major order from image to image.
CUtensorMap map_pixels(const char* op, const HalfTensor& images, const PixelBox& box, std::uint32_t channels,
                       std::uint32_t pixels);

}  // namespace mpad::cuda
