// SPDX-License-Identifier: MIT
// Column sums (the bias gradient). The rows are cut into chunks, and the rows of a chunk into groups that are summed
// side by side, so that few columns still fill vectors; groups and chunks are then added in order. Both depend on the
// shape alone.
#include "gemm.h"

#include <mpad/core/scratch.h>

namespace mpad::kernels {
namespace {

/// Columns and the rows that are summed side by side.
struct Layout {
  std::int64_t columns, rows, group, chunks;

  Layout(std::int64_t r, std::int64_t c)
      : columns(c),
        rows(r),
        group(std::max<std::int64_t>(1, 96 / c)),
        chunks(std::clamp<std::int64_t>(r * c >> 14, 1, 32)) {}
  std::int64_t width() const { return group * columns; }
};

/// Sums rows [begin, end) into sum[columns]; `sum` has room for `width` elements.
template <class T>
void sum_chunk(const Layout& layout, const T* x, std::int64_t begin, std::int64_t end, acc_t<T>* sum) {
  using A = acc_t<T>;
  constexpr std::int64_t piece = 64;
  const std::int64_t width = layout.width(), stop = end * layout.columns;
  std::fill_n(sum, width, A(0));
  A wide[piece];
  for (std::int64_t at = begin * layout.columns; at < stop; at += width)
    for (std::int64_t j = 0, size = std::min(width, stop - at); j < size; j += piece) {
      const std::int64_t length = std::min(piece, size - j);
      widen(x + at + j, length, wide);
      for (std::int64_t i = 0; i < length; ++i) sum[j + i] += wide[i];
    }
  for (std::int64_t row = 1; row < layout.group; ++row)
    for (std::int64_t c = 0; c < layout.columns; ++c) sum[c] += sum[row * layout.columns + c];
}

}  // namespace

template <>
void sum_rows(Cpu, View x, View y) {
  const std::int64_t columns = y.numel();
  if (columns == 0) return;
  with_type(y.dtype, [&]<class T>() {
    using A = acc_t<T>;
    const Layout layout(x.numel() / columns, columns);
    const T* in = x.as<const T>();
    A* sums = scratch<A>(Scratch::partial_sums, layout.chunks * layout.width());
    parallel_for(layout.chunks, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i)
        sum_chunk(layout, in, layout.rows * i / layout.chunks, layout.rows * (i + 1) / layout.chunks,
                  sums + i * layout.width());
    });
    T* out = y.as<T>();
    for (std::int64_t c = 0; c < columns; ++c) {
      A sum = sums[c];
      for (std::int64_t i = 1; i < layout.chunks; ++i) sum += sums[i * layout.width() + c];
      out[c] = static_cast<T>(sum);
    }
  });
}

template <>
void relu_backward_sum_rows(Cpu cpu, View y, View grad_y, View grad_x, View sums) {
  relu_backward(cpu, 0, y, grad_y, grad_x);
  sum_rows(cpu, grad_x, sums);
}

}  // namespace mpad::kernels
