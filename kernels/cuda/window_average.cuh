// SPDX-License-Identifier: MIT
// Averages over windows, of any kind of axis.
#pragma once
#include "window_pool.cuh"

namespace mpad::kernels {

template <class T, class Along>
struct AverageForward {
  Averages<Along> averages;
  Pair from, to;
  std::int64_t channels;
  const T* x;
  T* y;

  template <int size>
  __device__ void compute(std::int64_t index) const {
    using A = acc_t<T>;
    const Place out(index, to, channels / size, size);
    const Range rows = averages.rows.under(out.h), columns = averages.columns.under(out.w);
    A sum[size] = {};
    for (std::int64_t h = rows.begin; h < rows.end; ++h)
      for (std::int64_t w = columns.begin; w < columns.end; ++w) {
        const Pack<T, size> term = load<size>(x + ((out.n * from.h + h) * from.w + w) * channels + out.c);
        for (int i = 0; i < size; ++i) sum[i] += widen(term.element[i]);
      }
    const A taps = static_cast<A>(averages.divisor(rows, columns));
    Pack<T, size> mean;
    for (int i = 0; i < size; ++i) mean.element[i] = narrow<T>(sum[i] / taps);
    store(y + index * size, mean);
  }
};

template <class T, class Along>
struct AverageBackward {
  Averages<Along> averages;
  Pair from, to;
  std::int64_t channels;
  const T* grad_y;
  T* grad_x;

  template <int size>
  __device__ void compute(std::int64_t index) const {
    using A = acc_t<T>;
    const Place in(index, from, channels / size, size);
    const Range rows = averages.rows.over(in.h), columns = averages.columns.over(in.w);
    A sum[size] = {};
    for (std::int64_t oh = rows.begin; oh < rows.end; ++oh)
      for (std::int64_t ow = columns.begin; ow < columns.end; ++ow) {
        const A taps = static_cast<A>(averages.divisor(averages.rows.under(oh), averages.columns.under(ow)));
        const Pack<T, size> grad = load<size>(grad_y + ((in.n * to.h + oh) * to.w + ow) * channels + in.c);
        for (int i = 0; i < size; ++i) sum[i] += widen(grad.element[i]) / taps;
      }
    Pack<T, size> out;
    for (int i = 0; i < size; ++i) out.element[i] = narrow<T>(sum[i]);
    store(grad_x + index * size, out);
  }
};

template <class Along>
void average_forward(const char* op, Cuda where, const Averages<Along>& averages, const View& x, const View& y) {
  with_type(x.dtype, [&]<class T>() {
    const AverageForward<T, Along> body{averages, extent(x), extent(y), x.shape[3], x.as<const T>(), y.as<T>()};
    for_each_pack<T>(op, where, y, body, body.x);
  });
}

template <class Along>
void average_backward(const char* op, Cuda where, const Averages<Along>& averages, const View& grad_y,
                      const View& grad_x) {
  with_type(grad_y.dtype, [&]<class T>() {
    const AverageBackward<T, Along> body{averages,        extent(grad_x),       extent(grad_y),
                                         grad_x.shape[3], grad_y.as<const T>(), grad_x.as<T>()};
    for_each_pack<T>(op, where, grad_x, body, body.grad_y);
  });
}

}  // namespace mpad::kernels
