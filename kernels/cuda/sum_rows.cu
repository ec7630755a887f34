// SPDX-License-Identifier: MIT
#include "sum_rows.cuh"

#include "relu.cuh"

#include <kernels.h>

namespace mpad::kernels {
namespace {

/// What is summed: an array.
template <class T, class Rows>
struct Values {
  static constexpr int least_rows = Rows::least_rows, ahead = Rows::ahead;
  const T* x;
  Rows rows;

  template <int size>
  struct Loaded {
    Pack<T, size> x[Rows::elements];
  };
  template <int size>
  __device__ Loaded<size> load(std::int64_t at) const {
    const T* const first = x + rows.first(at);
    Loaded<size> loaded;
#pragma unroll
    for (int e = 0; e < Rows::elements; ++e) loaded.x[e] = kernels::load<size>(first + rows.offset(e));
    return loaded;
  }
  template <int size>
  __device__ Pack<acc_t<T>, size> use(const Loaded<size>& loaded, std::int64_t) const {
    Pack<acc_t<T>, size> sums = {};
#pragma unroll
    for (int e = 0; e < Rows::elements; ++e)
      for (int i = 0; i < size; ++i) sums.element[i] += widen(loaded.x[e].element[i]);
    return sums;
  }
};

/// The gradient behind ReLU, which is stored as it is summed.
template <class T, class Rows>
struct GatedValues {
  static constexpr int least_rows = Rows::least_rows, ahead = Rows::ahead;
  const T *y, *grad_y;
  T* grad_x;
  Rows rows;

  template <int size>
  struct Loaded {
    Pack<T, size> y[Rows::elements], grad[Rows::elements];
  };
  template <int size>
  __device__ Loaded<size> load(std::int64_t at) const {
    const std::int64_t first = rows.first(at);
    Loaded<size> loaded;
#pragma unroll
    for (int e = 0; e < Rows::elements; ++e) {
      loaded.y[e] = kernels::load<size>(y + first + rows.offset(e));
      loaded.grad[e] = kernels::load<size>(grad_y + first + rows.offset(e));
    }
    return loaded;
  }
  template <int size>
  __device__ Pack<acc_t<T>, size> use(const Loaded<size>& loaded, std::int64_t at) const {
    const std::int64_t first = rows.first(at);
    Pack<acc_t<T>, size> sums = {};
#pragma unroll
    for (int e = 0; e < Rows::elements; ++e) {
      Pack<T, size> grad;
      for (int i = 0; i < size; ++i) {
        grad.element[i] =
            narrow<T>(relu_gradient(widen(loaded.y[e].element[i]), widen(loaded.grad[e].element[i]), acc_t<T>(0)));
        sums.element[i] += widen(grad.element[i]);
      }
      store(grad_x + first + rows.offset(e), grad);
    }
    return sums;
  }
};

}  // namespace

template <>
void sum_rows(Cuda where, View x, View y) {
  const std::int64_t columns = y.numel();
  if (columns == 0) return;
  with_type(y.dtype, [&]<class T>() {
    const bool aligned = is_aligned<full_pack<T>>(x.as<const T>());
    with_rows(x.shape, columns, [&]<class Rows>(const Rows& rows, std::int64_t count) {
      const Values<T, Rows> values{x.as<const T>(), rows};
      with_pack_size<T>(aligned ? columns : 1,
                        [&]<int size>() { sum_packs<T, size>("sum_rows", where, count, columns, values, y.as<T>()); });
    });
  });
}

template <>
void relu_backward_sum_rows(Cuda where, View y, View grad_y, View grad_x, View sums) {
  const std::int64_t columns = sums.numel();
  if (columns == 0) return;
  with_type(sums.dtype, [&]<class T>() {
    const bool aligned = is_aligned<full_pack<T>>(y.as<const T>()) && is_aligned<full_pack<T>>(grad_y.as<const T>()) &&
                         is_aligned<full_pack<T>>(grad_x.as<T>());
    with_rows(y.shape, columns, [&]<class Rows>(const Rows& rows, std::int64_t count) {
      const GatedValues<T, Rows> values{y.as<const T>(), grad_y.as<const T>(), grad_x.as<T>(), rows};
      with_pack_size<T>(aligned ? columns : 1, [&]<int size>() {
        sum_packs<T, size>("relu_backward", where, count, columns, values, sums.as<T>());
      });
    });
  });
}

}  // namespace mpad::kernels
