// SPDX-License-Identifier: MIT
#include "sum_rows.cuh"

#include "relu.cuh"

#include <kernels.h>

namespace mpad::kernels {
namespace {

/// What is summed: an array.
template <class T>
struct Values {
  static constexpr int least_rows = 16, ahead = 8;
  const T* x;

  template <int size>
  __device__ Pack<T, size> load(std::int64_t at) const {
    return kernels::load<size>(x + at);
  }
  template <int size>
  __device__ Pack<T, size> use(const Pack<T, size>& part, std::int64_t) const {
    return part;
  }
};

/// The gradient behind ReLU, which is stored as it is summed.
template <class T>
struct GatedValues {
  static constexpr int least_rows = 16, ahead = 8;
  const T *y, *grad_y;
  T* grad_x;

  template <int size>
  struct Pair {
    Pack<T, size> y, grad;
  };
  template <int size>
  __device__ Pair<size> load(std::int64_t at) const {
    return {kernels::load<size>(y + at), kernels::load<size>(grad_y + at)};
  }
  template <int size>
  __device__ Pack<T, size> use(const Pair<size>& pair, std::int64_t at) const {
    Pack<T, size> grad;
    for (int i = 0; i < size; ++i)
      grad.element[i] = narrow<T>(relu_gradient(widen(pair.y.element[i]), widen(pair.grad.element[i]), acc_t<T>(0)));
    store(grad_x + at, grad);
    return grad;
  }
};

}  // namespace

template <>
void sum_rows(Cuda where, View x, View y) {
  const std::int64_t columns = y.numel();
  if (columns == 0) return;
  with_type(y.dtype, [&]<class T>() {
    const Values<T> values{x.as<const T>()};
    with_pack_size<T>(is_aligned<full_pack<T>>(values.x) ? columns : 1, [&]<int size>() {
      sum_packs<T, size>("sum_rows", where, x.numel() / columns, columns, values, y.as<T>());
    });
  });
}

template <>
void relu_backward_sum_rows(Cuda where, View y, View grad_y, View grad_x, View sums) {
  const std::int64_t columns = sums.numel();
  if (columns == 0) return;
  with_type(sums.dtype, [&]<class T>() {
    const GatedValues<T> values{y.as<const T>(), grad_y.as<const T>(), grad_x.as<T>()};
    const bool aligned = is_aligned<full_pack<T>>(values.y) && is_aligned<full_pack<T>>(values.grad_y) &&
                         is_aligned<full_pack<T>>(values.grad_x);
    with_pack_size<T>(aligned ? columns : 1, [&]<int size>() {
      sum_packs<T, size>("relu_backward", where, y.numel() / columns, columns, values, sums.as<T>());
    });
  });
}

}  // namespace mpad::kernels
