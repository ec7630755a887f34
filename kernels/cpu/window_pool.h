// SPDX-License-Identifier: MIT
// What pools that sum over windows share: pixel after pixel, in blocks of channels.
#pragma once
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

/// Index of the first channel of a pixel of n,h,w,c.
MPAD_INLINE std::int64_t pixel(const Shape& shape, std::int64_t n, std::int64_t h, std::int64_t w) {
  return ((n * shape[1] + h) * shape[2] + w) * shape[3];
}

/// sum[c] += f(x[c]) in acc_t<T>, for a block of sums.
template <class T, class F>
void add_block(const T* x, std::int64_t size, acc_t<T>* sum, const F& f) {
  Block<const T> block(x, size);
  const acc_t<T>* value = block.load();
  MPAD_LANES
  for (std::int64_t i = 0; i < size; ++i) sum[i] += f(value[i]);
}

}  // namespace
}  // namespace mpad::kernels
