// SPDX-License-Identifier: MIT
// Averages over windows, of any kind of Axis.
#pragma once
#include "window_pool.h"

namespace mpad::kernels {
namespace {

/// One output takes `work` steps for each channel.
template <class Along>
void average_forward(const Averages<Along>& averages, std::int64_t work, View x, View y) {
  with_type(x.dtype, [&]<class T>() {
    using A = acc_t<T>;
    const T* in = x.as<const T>();
    T* out = y.as<T>();
    for_each_pixel(y.shape, work, [&, in, out](std::int64_t n, std::int64_t oh, std::int64_t ow) {
      const Range rows = averages.rows.under(oh), columns = averages.columns.under(ow);
      const A count = static_cast<A>(averages.divisor(rows, columns));
      for (std::int64_t c = 0; c < y.shape[3]; c += kBlock) {
        const std::int64_t size = std::min(kBlock, y.shape[3] - c);
        A sum[kBlock];
        std::fill_n(sum, size, A(0));
        for (std::int64_t h = rows.begin; h < rows.end; ++h)
          for (std::int64_t w = columns.begin; w < columns.end; ++w)
            add_block(in + pixel(x.shape, n, h, w) + c, size, sum, [](A value) { return value; });
        Block<T> to(out + pixel(y.shape, n, oh, ow) + c, size);
        A* mean = to.data();
        MPAD_LANES
        for (std::int64_t i = 0; i < size; ++i) mean[i] = sum[i] / count;
        to.store();
      }
    });
  });
}

template <class Along>
void average_backward(const Averages<Along>& averages, View grad_y, View grad_x) {
  with_type(grad_y.dtype, [&]<class T>() {
    using A = acc_t<T>;
    const T* in = grad_y.as<const T>();
    T* out = grad_x.as<T>();
    for_each_pixel(grad_x.shape, 1, [&, in, out](std::int64_t n, std::int64_t h, std::int64_t w) {
      const Range rows = averages.rows.over(h), columns = averages.columns.over(w);
      for (std::int64_t c = 0; c < grad_x.shape[3]; c += kBlock) {
        const std::int64_t size = std::min(kBlock, grad_x.shape[3] - c);
        A sum[kBlock];
        std::fill_n(sum, size, A(0));
        for (std::int64_t oh = rows.begin; oh < rows.end; ++oh)
          for (std::int64_t ow = columns.begin; ow < columns.end; ++ow) {
            const A count = static_cast<A>(averages.divisor(averages.rows.under(oh), averages.columns.under(ow)));
            add_block(in + pixel(grad_y.shape, n, oh, ow) + c, size, sum, [=](A grad) { return grad / count; });
          }
        Block<T> to(out + pixel(grad_x.shape, n, h, w) + c, size);
        std::copy_n(sum, size, to.data());
        to.store();
      }
    });
  });
}

}  // namespace
}  // namespace mpad::kernels
