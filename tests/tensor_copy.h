// SPDX-License-Identifier: MIT
// Kernels around the copies of kernels/cuda/tensor_copy.cuh.
#pragma once
#include <cuda/tensor_map.h>

#include <mpad/core/device.h>
#include <mpad/core/types.h>

namespace mpad::test {

/// Rows of y, of 32 or 64 channels, as the tensor memory accelerator copies them from x (n,h,w,c): first those of a box
/// of w by h by n at this place (c, w, h, n), then those of the same box in the next image. Needs has_sm90a().
void copy_boxes(Cuda where, View x, std::array<std::uint32_t, 3> box, std::array<int, 4> at, View y);
/// The same of a number of the box's pixels, each read `right` and `down` from there.
void copy_pixels(Cuda where, View x, const cuda::PixelBox& box, std::array<int, 4> at, int right, int down, View y);

}  // namespace mpad::test
