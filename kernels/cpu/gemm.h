// SPDX-License-Identifier: MIT
// What the products of convolutions and linear layers share. The columns of a product are cut into panels of two
// vectors (the last of two, one or a narrow one), stored row after row, so that a tile of kRows x panel stays in
// registers. Each element of a product is one sequential chain of multiply_add: its bits depend neither on the tile
// nor on the number of threads, nor on the width of vectors.
#pragma once
#include "vector.h"

#include <algorithm>

namespace mpad::kernels {
namespace {

/// Rows of a register tile.
inline constexpr int kRows = kVectorBytes == 64 ? 8 : 4;

constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// The columns of a product of element type A, cut into panels.
template <class A>
struct Panels {
  static constexpr int full = 2 * kVectorBytes / static_cast<int>(sizeof(A));
  static constexpr int narrow = kNarrowVectorBytes / static_cast<int>(sizeof(A));
  std::int64_t columns;

  std::int64_t count() const { return ceil_div(columns, full); }
  /// Columns that panel i holds and columns it has room for.
  int used(std::int64_t i) const { return static_cast<int>(std::min<std::int64_t>(full, columns - i * full)); }
  int width(std::int64_t i) const { return used(i) <= narrow ? narrow : used(i) <= full / 2 ? full / 2 : full; }
  /// Elements before panel i if each has `rows` rows; offset(count()) is room for all.
  std::int64_t offset(std::int64_t i, std::int64_t rows) const { return i * full * rows; }
};

/// Calls f.operator()<V, count>() with the vectors that make up a panel row of this width.
template <class A, class F>
void with_panel_width(int width, F&& f) {
  using Full = Vector<A, kVectorBytes>;
  if (width == 2 * lanes<Full>) return f.template operator()<Full, 2>();
  if (width == lanes<Full>) return f.template operator()<Full, 1>();
  if constexpr (kNarrowVectorBytes < kVectorBytes) f.template operator()<Vector<A, kNarrowVectorBytes>, 1>();
}

/// A tile of a product, in registers.
template <class V, int rows, int vectors>
struct Tile {
  V sum[rows][vectors];

  void clear() {
    for (auto& row : sum)
      for (V& v : row) v = V{};
  }

  /// For each p < depth: row i, column j gets a[p * a_step + i] * b[p * b_step + j]. Rows beyond the first `line` are
  /// line_step away: row i stands at a[i % line + i / line * line_step].
  template <int line = rows, class A>
  [[gnu::always_inline]] void accumulate(const A* a, std::int64_t a_step, const A* b, std::int64_t b_step,
                                         std::int64_t depth, std::int64_t line_step = 0) {
    for (; depth > 0; --depth, a += a_step, b += b_step) {
      V right[vectors];
      for (int j = 0; j < vectors; ++j) right[j] = load<V>(b + j * lanes<V>);
#pragma GCC unroll 16
      for (int i = 0; i < rows; ++i) {
        const V left = broadcast<V>(a[i % line + i / line * line_step]);
#pragma GCC unroll 2
        for (int j = 0; j < vectors; ++j) sum[i][j] = multiply_add(left, right[j], sum[i][j]);
      }
    }
  }
};

}  // namespace
}  // namespace mpad::kernels
