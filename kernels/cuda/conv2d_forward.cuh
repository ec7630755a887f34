// SPDX-License-Identifier: MIT
// What the forward of a convolution is, whatever follows it in its pass.
#pragma once
#include "conv2d_places.cuh"
#include "conv2d_stem.cuh"
#include "conv2d_stem_products.cuh"

namespace mpad::kernels {

/// Whether stem() serves, or multiply_stem() in half: 1 or 3 channels, whose weights fit a block's memory.
template <class T>
bool is_stem(const Patches<T>& x) {
  if constexpr (std::is_same_v<T, half>)
    return multiplies_stem(x);
  else
    return (x.channels == 1 || x.channels == 3) && x.columns * StemTile::k * sizeof(T) <= 48 * 1024;
}

/// How patches and weights, whose rows are of channels, are copied.
template <class T>
Packing packing_of(const Patches<T>& patches, const Matrix<T>& weights) {
  return {packing(patches.data, patches.channels), packing(weights.data, patches.channels)};
}

/// Multiplies patches by weights where a reduction is in one part and sums all.
template <class T, class Patches, class To>
void multiply_whole(const char* op, Cuda where, const Patches& patches, const Matrix<T>& weights, const Cut<T>& cut,
                    const To& to) {
  const Operand<Patches, Contiguous::depth> a{patches};
  const Operand<Matrix<T>, Contiguous::depth> b{weights};
  multiply<T>(op, where, a, b, packing_of<T>(patches, weights), cut, to);
}

}  // namespace mpad::kernels
