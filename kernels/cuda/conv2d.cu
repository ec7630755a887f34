// SPDX-License-Identifier: MIT
// Forward and data gradient: patches of images by weights.
#include "conv2d_forward.cuh"

#include <kernels.h>

namespace mpad::kernels {
namespace {

/// y = patches * b. Row i of the product is row i of y, or, if the destination is spread or rows go place by place,
/// that of the i-th of its pixels.
template <class T, class B>
void multiply_patches(const char* op, Cuda where, const Patches<T>& patches, const B& b, Packing packing,
                      Destination<T> to) {
  const PlacedCut<T> cut = cut_patches(patches, to.n);
  const std::int64_t images_of_place = cut.by_place ? patches.images : 0;
  to.spread = to.spread || cut.by_place;
  to.pixels = EitherGrid(to.pixels, images_of_place);
  const Operand<PlacedPatches<T, EitherGrid>, Contiguous::depth> a{
      {patches, EitherGrid(patches.grid, images_of_place)}};
  implicit_gemm<T>(op, where, a, b, packing, cut, to);
}

}  // namespace

template <>
void conv2d_forward(Cuda where, const Sliding& s, View x, View weight, View bias, bool relu, View y) {
  constexpr const char* op = "conv2d";
  const std::int64_t k = y.shape[3];
  check_limits(op, s, k);
  with_type(x.dtype, [&]<class T>() {
    const auto patches = input_patches(s, x.as<const T>());
    const auto weights = weight_matrix(s, k, weight.as<const T>());
    const Finish<T> finish{bias_of<T>(bias), relu};
    Destination<T> destination{y.as<T>(), finish, patches.rows, static_cast<int>(k)};
    destination.pixels = EitherGrid({{s.oh, s.oh, 1, 0}, {s.ow, s.ow, 1, 0}});
    if (is_stem(patches)) {
      if constexpr (std::is_same_v<T, half>)
        return multiply_stem(op, where, patches, weights, WholeDestination<T>{destination});
      else
        return stem(op, where, patches, weights,
                    StemPixels<T>{y.as<T>(), finish, stores_packs(y.as<T>(), weights.rows)});
    }
    multiply_patches(op, where, patches, Operand<Matrix<T>, Contiguous::depth>{weights}, packing_of(patches, weights),
                     destination);
  });
}

template <>
void conv2d_backward_data(Cuda where, const Sliding& s, View grad_y, View weight, View grad_x) {
  constexpr const char* op = "conv2d_backward_data";
  const std::int64_t k = grad_y.shape[3];
  const Pair kernel = s.window.kernel, stride = s.window.stride, pad = s.window.pad, dilation = s.window.dilation;
  check_limits(op, s, k);
  with_type(grad_y.dtype, [&]<class T>() {
    // Each of the classes of inputs is a product of its own, of the taps that reach it.
    for (std::int64_t h = 0; h < std::min(stride.h, s.h); ++h)
      for (std::int64_t w = 0; w < std::min(stride.w, s.w); ++w) {
        const StrideClass y = stride_class(h, s.h, s.oh, kernel.h, stride.h, pad.h, dilation.h),
                          x = stride_class(w, s.w, s.ow, kernel.w, stride.w, pad.w, dilation.w);
        const Patches<T> patches(grad_y.as<const T>(), s.n, k, y.outputs, x.outputs);
        const Operand<WeightsByTap<T>, Contiguous::extent> b{{weight.as<const T>(), k, kernel, s.c, y.taps, x.taps}};
        Destination<T> to{grad_x.as<T>(), {}, patches.rows, static_cast<int>(s.c)};
        to.spread = stride != Pair(1);
        to.pixels = EitherGrid({y.inputs, x.inputs});
        multiply_patches(op, where, patches, b, {packing(patches.data, k), packing(b.source.data, s.c)}, to);
      }
  });
}

}  // namespace mpad::kernels
