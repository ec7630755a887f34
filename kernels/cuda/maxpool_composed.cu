// SPDX-License-Identifier: MIT
// The arithmetic of the study, each operation rounded to the tensor's type.
#include "maxpool_backward.cuh"
#include "maxpool_window.cuh"

#include <kernels.h>

namespace mpad::kernels {
namespace {

template <class T>
struct ComposedMaximum {
  acc_t<T> beta, rest;
  template <class M>
  __device__ void operator()(const Best<T, M>& best, T& y, M& mask) const {
    y = narrow<T>(rounded<T>(beta * best.key) + rounded<T>(rest * best.key));
    mask = best.tied;
  }
};

template <class T>
struct ComposedRule {
  acc_t<T> beta, rest;
  __device__ double weight(std::uint64_t mask, int i) const { return apply(acc_t<T>(1), mask, i, 0); }
  template <class A>
  __device__ A apply(A gradient, std::uint64_t mask, int i, std::uint64_t) const {
    const auto g = static_cast<acc_t<T>>(gradient);
    const acc_t<T> share = rounded<T>(rounded<T>(beta * g) / static_cast<acc_t<T>>(ties::count(mask)));
    const acc_t<T> first = rounded<T>(share + rounded<T>(rest * g));
    return A(ties::is_first(mask, i) ? first : ties::tied(mask, i) ? share : acc_t<T>(0));
  }
};

}  // namespace

template <>
void maxpool_composed_forward(Cuda where, const Sliding& s, double beta, View x, View y, View mask) {
  with_type(x.dtype, [&]<class T>() {
    const auto share = static_cast<acc_t<T>>(beta);
    const ComposedMaximum<T> ending{share, 1 - share};
    with_mask_type(mask.dtype, [&]<class M>() { slide_over<T, M>("maxpool_composed", where, s, ending, x, y, mask); });
  });
}

template <>
void maxpool_composed_backward(Cuda where, const Sliding& s, double beta, View grad_y, View mask, View grad_x) {
  with_type(grad_y.dtype, [&]<class T>() {
    const auto share = static_cast<acc_t<T>>(beta);
    const ComposedRule<T> rule{share, 1 - share};
    with_mask_type(mask.dtype, [&]<class M>() {
      with_sum_type<T>(Accumulate::narrow, [&]<class A>() {
        gather<T, M, PoolSum<T, A>>({"maxpool_composed_backward", where, s, grad_y, mask, grad_x}, rule);
      });
    });
  });
}

}  // namespace mpad::kernels
