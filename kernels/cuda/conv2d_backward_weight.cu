// SPDX-License-Identifier: MIT
// Weight gradient: grad_y by patches of x, summed over pixels.
#include "conv2d_places.cuh"
#include "conv2d_stem_weight.cuh"
#include "conv2d_stem_weight_products.cuh"

#include <kernels.h>

namespace mpad::kernels {

template <>
void conv2d_backward_weight(Cuda where, const Sliding& s, View x, View grad_y, View grad_weight) {
  constexpr const char* op = "conv2d_backward_weight";
  const std::int64_t k = grad_y.shape[3];
  check_limits(op, s, k);
  with_type(x.dtype, [&]<class T>() {
    const auto patches = input_patches(s, x.as<const T>());
    const Matrix<T> gradient{grad_y.as<const T>(), patches.rows, static_cast<unsigned>(k)};
    const Destination<T> to{grad_weight.as<T>(), {}, k, static_cast<int>(patches.columns)};
    if constexpr (std::is_same_v<T, half>) {
      if (has_tap_bits(patches)) return multiply_stem_weight(op, where, gradient, patches, to);
    } else if (s.c == 1 || s.c == 3) {
      return stem_weight(op, where, gradient, patches, to);
    }
    const PlacedCut<T> cut = cut_weight_gradient(static_cast<int>(k), patches);
    const auto multiply_by = [&]<class A, class B>(const A& a, const B& b) {
      const Operand<A, Contiguous::extent> rows{a};
      const Operand<B, Contiguous::extent> columns{b};
      implicit_gemm<T>(op, where, rows, columns, {packing(a.data, k), packing(b.data, s.c)}, cut, to);
    };
    if (cut.by_place)
      multiply_by(PlacedRows<T>(gradient, patches.images),
                  PlacedPatches<T, PlaceGrid>(patches, {patches.grid, patches.images}));
    else
      multiply_by(gradient, patches);
  });
}

}  // namespace mpad::kernels
