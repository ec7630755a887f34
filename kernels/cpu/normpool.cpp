// SPDX-License-Identifier: MIT
#include "window_pool.h"

#include <mpad/core/square_range.h>

#include <norm_share.h>

#include <cmath>

namespace mpad::kernels {
namespace {

/// The taps of one window, a block of channels of them.
template <class T>
struct Taps {
  using A = acc_t<T>;
  const T* x;
  const Shape& shape;
  std::int64_t n;
  Range rows, columns;

  /// Norms of `size` channels from c on.
  void norms(std::int64_t c, std::int64_t size, A* norm) const {
    A sum[kBlock], scale[kBlock];
    std::fill_n(scale, size, A(1));
    sum_squares(c, size, scale, sum);
    if constexpr (SquareRange<T>::needed) {
      bool accurate = true;
      for (std::int64_t i = 0; i < size; ++i) {
        scale[i] = SquareRange<T>::scale(sum[i]);
        accurate &= scale[i] == A(1);
      }
      if (!accurate) sum_squares(c, size, scale, sum);
    }
    MPAD_LANES
    for (std::int64_t i = 0; i < size; ++i) norm[i] = std::sqrt(sum[i]) / scale[i];
  }

 private:
  void sum_squares(std::int64_t c, std::int64_t size, const A* scale, A* sum) const {
    std::fill_n(sum, size, A(0));
    for (std::int64_t h = rows.begin; h < rows.end; ++h)
      for (std::int64_t w = columns.begin; w < columns.end; ++w) {
        Block<const T> block(x + pixel(shape, n, h, w) + c, size);
        const A* value = block.load();
        MPAD_LANES
        for (std::int64_t i = 0; i < size; ++i) {
          const A scaled = value[i] * scale[i];
          sum[i] += scaled * scaled;
        }
      }
  }
};

}  // namespace

template <>
void normpool_forward(Cpu, const Sliding& s, View x, View y) {
  with_type(x.dtype, [&]<class T>() {
    for_each_pixel(y.shape, s.window.taps(), [&](std::int64_t n, std::int64_t oh, std::int64_t ow) {
      const Taps<T> taps{x.as<const T>(), x.shape, n, vertical(s).under(oh), horizontal(s).under(ow)};
      for (std::int64_t c = 0; c < s.c; c += kBlock) {
        const std::int64_t size = std::min(kBlock, s.c - c);
        Block<T> to(y.as<T>() + pixel(y.shape, n, oh, ow) + c, size);
        taps.norms(c, size, to.data());
        to.store();
      }
    });
  });
}

template <>
void normpool_backward(Cpu, const Sliding& s, double at_zero, View x, View y, View grad_y, View grad_x) {
  with_type(x.dtype, [&]<class T>() {
    using A = acc_t<T>;
    const A tied = static_cast<A>(at_zero);
    for_each_pixel(x.shape, 1, [&](std::int64_t n, std::int64_t h, std::int64_t w) {
      const Range rows = vertical(s).over(h), columns = horizontal(s).over(w);
      for (std::int64_t c = 0; c < s.c; c += kBlock) {
        const std::int64_t size = std::min(kBlock, s.c - c), place = pixel(x.shape, n, h, w) + c;
        Block<const T> from(x.as<const T>() + place, size);
        const A* value = from.load();
        A sum[kBlock];
        std::fill_n(sum, size, A(0));
        for (std::int64_t oh = rows.begin; oh < rows.end; ++oh)
          for (std::int64_t ow = columns.begin; ow < columns.end; ++ow) {
            const std::int64_t window = pixel(y.shape, n, oh, ow) + c;
            Block<const T> norm_block(y.as<const T>() + window, size), grad_block(grad_y.as<const T>() + window, size);
            const A *norm = norm_block.load(), *grad = grad_block.load();
            MPAD_LANES
            for (std::int64_t i = 0; i < size; ++i) sum[i] += norm_share(value[i], norm[i], grad[i], tied);
          }
        Block<T> to(grad_x.as<T>() + place, size);
        std::copy_n(sum, size, to.data());
        to.store();
      }
    });
  });
}

}  // namespace mpad::kernels
