// SPDX-License-Identifier: MIT
// The arithmetic of the study, each operation rounded to the tensor's type.
#include "maxpool_backward.cuh"
#include "maxpool_forward.cuh"

#include <kernels.h>

namespace mpad::kernels {
namespace {

template <class T>
struct ComposedMaximum {
  static constexpr bool relu = false;
  acc_t<T> beta, rest;
  __device__ T composed(acc_t<T> x) const { return narrow<T>(rounded<T>(beta * x) + rounded<T>(rest * x)); }
  template <class M>
  __device__ void operator()(const Best<T, M>& best, T& y, M& mask) const {
    y = composed(best.key);
    mask = best.tied;
  }
  template <class V>
  __device__ void lanes(V& value, std::uint32_t&) const {
    value = each_lane(value, [this](acc_t<T> x) { return composed(x); });
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
