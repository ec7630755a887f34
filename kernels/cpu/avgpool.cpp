// SPDX-License-Identifier: MIT
#include "elementwise.h"

#include <mpad/core/axis.h>

namespace mpad::kernels {
namespace {

/// Calls f(n, h, w) for all pixels of n,h,w,c, on the pool's threads; one takes `work` steps for each channel.
template <class F>
void for_each_pixel(const Shape& shape, std::int64_t work, const F& f) {
  const std::int64_t h = shape[1], w = shape[2];
  const std::int64_t cost = std::max<std::int64_t>(1, w * shape[3] * work);
  const std::int64_t grain = std::max<std::int64_t>(1, kElementGrain / cost);
  parallel_for(shape[0] * h, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row)
      for (std::int64_t column = 0; column < w; ++column) f(row / h, row % h, column);
  });
}

/// y[c] = f(y[c], x[c]) in acc_t<T>, where x is T and y is a block of sums.
template <class T, class F>
void add_block(const T* x, std::int64_t size, acc_t<T>* y, const F& f) {
  Block<const T> block(x, size);
  const acc_t<T>* value = block.load();
  MPAD_LANES
  for (std::int64_t i = 0; i < size; ++i) y[i] += f(value[i]);
}

}  // namespace

template <>
void avgpool_forward(Cpu, const Sliding& s, bool count_padding, View x, View y) {
  with_type(x.dtype, [&]<class T>() {
    using A = acc_t<T>;
    const T* in = x.as<const T>();
    T* out = y.as<T>();
    for_each_pixel(y.shape, s.window.taps(), [=](std::int64_t n, std::int64_t oh, std::int64_t ow) {
      const Range rows = vertical(s).under(oh), columns = horizontal(s).under(ow);
      const A count = static_cast<A>(divisor(s, count_padding, rows, columns));
      for (std::int64_t c = 0; c < s.c; c += kBlock) {
        const std::int64_t size = std::min(kBlock, s.c - c);
        A sum[kBlock];
        std::fill_n(sum, size, A(0));
        for (std::int64_t h = rows.begin; h < rows.end; ++h)
          for (std::int64_t w = columns.begin; w < columns.end; ++w)
            add_block(in + ((n * s.h + h) * s.w + w) * s.c + c, size, sum, [](A value) { return value; });
        Block<T> to(out + ((n * s.oh + oh) * s.ow + ow) * s.c + c, size);
        A* mean = to.data();
        MPAD_LANES
        for (std::int64_t i = 0; i < size; ++i) mean[i] = sum[i] / count;
        to.store();
      }
    });
  });
}

template <>
void avgpool_backward(Cpu, const Sliding& s, bool count_padding, View grad_y, View grad_x) {
  with_type(grad_y.dtype, [&]<class T>() {
    using A = acc_t<T>;
    const T* in = grad_y.as<const T>();
    T* out = grad_x.as<T>();
    for_each_pixel(grad_x.shape, 1, [=](std::int64_t n, std::int64_t h, std::int64_t w) {
      const Range rows = vertical(s).over(h), columns = horizontal(s).over(w);
      for (std::int64_t c = 0; c < s.c; c += kBlock) {
        const std::int64_t size = std::min(kBlock, s.c - c);
        A sum[kBlock];
        std::fill_n(sum, size, A(0));
        for (std::int64_t oh = rows.begin; oh < rows.end; ++oh)
          for (std::int64_t ow = columns.begin; ow < columns.end; ++ow) {
            const A count = static_cast<A>(divisor(s, count_padding, vertical(s).under(oh), horizontal(s).under(ow)));
            add_block(in + ((n * s.oh + oh) * s.ow + ow) * s.c + c, size, sum, [=](A grad) { return grad / count; });
          }
        Block<T> to(out + ((n * s.h + h) * s.w + w) * s.c + c, size);
        std::copy_n(sum, size, to.data());
        to.store();
      }
    });
  });
}

}  // namespace mpad::kernels
