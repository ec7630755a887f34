// SPDX-License-Identifier: MIT
// What the forward of a convolution is, whatever follows it in its pass.
#pragma once
#include "conv2d_stem.cuh"
#include "implicit_gemm.cuh"

namespace mpad::kernels {

/// Multiplies the tiles of patches by weights.
template <class T, class Patches, class To>
void multiply_patches(const char* op, Cuda where, const Patches& patches, const Matrix<T>& weights, const Cut<T>& cut,
                      const To& to) {
  const Operand<Patches, Contiguous::depth> a{patches};
  const Operand<Matrix<T>, Contiguous::depth> b{weights};
  const std::int64_t channels = patches.channels;
  multiply<T>(op, where, a, b, {packing(patches.data, channels), packing(weights.data, channels)}, cut, to);
}

}  // namespace mpad::kernels
