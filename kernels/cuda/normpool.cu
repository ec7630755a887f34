// SPDX-License-Identifier: MIT
#include "window_pool.cuh"

#include <mpad/core/square_range.h>

#include <norm_share.h>

#include <cmath>

namespace mpad::kernels {
namespace {

template <class T>
struct Forward {
  using A = acc_t<T>;
  Sliding s;
  const T* x;
  T* y;

  template <int size>
  __device__ void sum_squares(const Place& out, const A (&scale)[size], A (&sum)[size]) const {
    const Range rows = vertical(s).under(out.h), columns = horizontal(s).under(out.w);
    for (int i = 0; i < size; ++i) sum[i] = 0;
    for (std::int64_t h = rows.begin; h < rows.end; ++h)
      for (std::int64_t w = columns.begin; w < columns.end; ++w) {
        const Pack<T, size> term = load<size>(x + ((out.n * s.h + h) * s.w + w) * s.c + out.c);
        for (int i = 0; i < size; ++i) {
          const A scaled = widen(term.element[i]) * scale[i];
          sum[i] += scaled * scaled;
        }
      }
  }

  template <int size>
  __device__ void compute(std::int64_t index) const {
    const Place out(index, {s.oh, s.ow}, s.c / size, size);
    A sum[size], scale[size];
    for (int i = 0; i < size; ++i) scale[i] = 1;
    sum_squares(out, scale, sum);
    if constexpr (SquareRange<T>::needed) {
      bool accurate = true;
      for (int i = 0; i < size; ++i) {
        scale[i] = SquareRange<T>::scale(sum[i]);
        accurate = accurate && scale[i] == A(1);
      }
      if (!accurate) sum_squares(out, scale, sum);
    }
    Pack<T, size> norm;
    for (int i = 0; i < size; ++i) norm.element[i] = narrow<T>(std::sqrt(sum[i]) / scale[i]);
    store(y + index * size, norm);
  }
};

template <class T>
struct Backward {
  using A = acc_t<T>;
  Sliding s;
  A at_zero;
  const T *x, *y, *grad_y;
  T* grad_x;

  template <int size>
  __device__ void compute(std::int64_t index) const {
    const Place in(index, {s.h, s.w}, s.c / size, size);
    const Range rows = vertical(s).over(in.h), columns = horizontal(s).over(in.w);
    const Pack<T, size> value = load<size>(x + index * size);
    A sum[size] = {};
    for (std::int64_t oh = rows.begin; oh < rows.end; ++oh)
      for (std::int64_t ow = columns.begin; ow < columns.end; ++ow) {
        const std::int64_t window = ((in.n * s.oh + oh) * s.ow + ow) * s.c + in.c;
        const Pack<T, size> norm = load<size>(y + window), grad = load<size>(grad_y + window);
        for (int i = 0; i < size; ++i)
          sum[i] += norm_share(widen(value.element[i]), widen(norm.element[i]), widen(grad.element[i]), at_zero);
      }
    Pack<T, size> out;
    for (int i = 0; i < size; ++i) out.element[i] = narrow<T>(sum[i]);
    store(grad_x + index * size, out);
  }
};

}  // namespace

template <>
void normpool_forward(Cuda where, const Sliding& s, View x, View y) {
  with_type(x.dtype, [&]<class T>() {
    const Forward<T> body{s, x.as<const T>(), y.as<T>()};
    for_each_pack<T>("normpool", where, y, body, body.x);
  });
}

template <>
void normpool_backward(Cuda where, const Sliding& s, double at_zero, View x, View y, View grad_y, View grad_x) {
  with_type(x.dtype, [&]<class T>() {
    const Backward<T> body{
        s, static_cast<acc_t<T>>(at_zero), x.as<const T>(), y.as<const T>(), grad_y.as<const T>(), grad_x.as<T>()};
    for_each_pack<T>("normpool_backward", where, grad_x, body, body.x, body.y, body.grad_y);
  });
}

}  // namespace mpad::kernels
