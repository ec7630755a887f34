// SPDX-License-Identifier: MIT
// Where sums of a product go.
#pragma once
#include "conv2d_operands.cuh"
#include "finish.cuh"

#include <type_traits>

namespace mpad::kernels {

/// Whether rows of n elements from `to` on are aligned to runs of up to four, so that none hangs over the end either.
template <class T>
bool rows_in_runs(const T* to, std::int64_t n) {
  return n % 4 == 0 && is_aligned<full_pack<T>>(to);
}

/// Stores a run of a row of n columns, from `column` on: at once, or what there is of it.
template <int run, class E>
__device__ inline void store_run(E* to, const Pack<E, run>& pack, int column, int n, bool in_runs) {
  if (in_runs) {
    store(to, pack);
    return;
  }
#pragma unroll
  for (int e = 0; e < run; ++e)
    if (column + e < n) to[e] = pack.element[e];
}

/// Whether the warp's part of a tile, which begins at this row and column, reaches an edge of an m x n matrix. A warp
/// that does not, as most, need not ask at each run where it lies. All lanes take part.
template <class Product>
__device__ inline bool reaches_edge(const Product& product, std::int64_t first_row, int first_column, std::int64_t m,
                                    int n) {
  constexpr int run = std::extent_v<decltype(product.run(0, 0).element)>;
  const bool inside =
      first_row + product.row(Product::rows - 1) < m && first_column + product.column(Product::runs - 1) + run <= n;
  return !__all_sync(0xffffffff, inside);
}

/// Where sums go: finished, to y; or, if others are to be added, to `partial` (blockIdx.y, m, n), if there is one. Row
/// i of the product is row i of y or, if `spread`, that of the i-th of some pixels. A cluster of so many blocks adds up
/// theirs first.
template <class T>
struct Destination {
  T* y;
  Finish<T> finish;
  std::int64_t m;
  int n;
  bool in_runs = rows_in_runs(y, n);
  acc_t<T>* partial = nullptr;
  bool spread = false;
  EitherGrid pixels{};
  unsigned cluster = 1;

  template <int run>
  __device__ void store(std::int64_t row, int column, const Pack<acc_t<T>, run>& sums, bool are_partial) const {
    if (row < m) store_in(line(row, are_partial), column, sums, are_partial);
  }

  /// Of the tile that begins at this row and column.
  template <class Product>
  __device__ void store_tile(const Product& product, std::int64_t first_row, int first_column, bool are_partial) const {
    using Sums = decltype(product.run(0, 0));
    Rows rows{first_row + product.row(0), 1};
    bool whole = in_runs && !reaches_edge(product, first_row, first_column, m, n);
    if (whole && spread && !are_partial) {
      rows = {row_of_y(rows.first), pixels.pixels_of_image()};
      whole = pixels.by_place && lie_at(rows, product, first_row);
    }
    if (!whole) return store_edge(product, first_row, first_column, are_partial);
    if (are_partial)
      return store_whole(product, rows, first_column, partial + blockIdx.y * m * n,
                         [](const Sums& sums, const Sums&) { return sums; });
    if (finish.relu)
      store_whole(product, rows, first_column, y,
                  [&](const Sums& sums, const Sums& added) { return finish.bias.template rounded<true>(sums, added); });
    else
      store_whole(product, rows, first_column, y, [&](const Sums& sums, const Sums& added) {
        return finish.bias.template rounded<false>(sums, added);
      });
  }

  /// Where element i of the product goes.
  __device__ T* place(std::int64_t i) const { return y + (spread ? row_of_y(i / n) * n + i % n : i); }

 private:
  /// Where the first of a thread's rows goes, and how many further each row behind it for each row of the product.
  struct Rows {
    std::int64_t first, pitch;
  };
  /// Whether all rows of the warp do: those at one place in several images.
  template <class Product>
  __device__ bool lie_at(const Rows& rows, const Product& product, std::int64_t first_row) const {
    constexpr int last = Product::rows - 1;
    const std::int64_t expected = rows.first + (product.row(last) - product.row(0)) * rows.pitch;
    return __all_sync(0xffffffff, row_of_y(first_row + product.row(last)) == expected);
  }
  template <class Product>
  __device__ void store_edge(const Product& product, std::int64_t first_row, int first_column, bool are_partial) const {
#pragma unroll
    for (int i = 0; i < Product::rows; ++i) {
      const std::int64_t row = first_row + product.row(i);
      if (row >= m) continue;
      const std::int64_t at = line(row, are_partial);
#pragma unroll
      for (int j = 0; j < Product::runs; ++j)
        store_in(at, first_column + product.column(j), product.run(i, j), are_partial);
    }
  }
  /// The row of y, or of the parts, that takes a row of the product.
  __device__ std::int64_t line(std::int64_t row, bool are_partial) const {
    return are_partial ? blockIdx.y * m + row : row_of_y(row);
  }
  template <int run>
  __device__ void store_in(std::int64_t line, int column, const Pack<acc_t<T>, run>& sums, bool are_partial) const {
    if (column >= n) return;
    if (are_partial)
      store_run(partial + line * n + column, sums, column, n, in_runs);
    else
      store_run(y + line * n + column, finish(sums, column, n), column, n, in_runs);
  }
  /// All runs there, ended by f(sums, what is added to their columns).
  template <class Product, class E, class F>
  __device__ void store_whole(const Product& product, const Rows& rows, int first_column, E* to, const F& f) const {
    constexpr int run = std::extent_v<decltype(product.run(0, 0).element)>;
#pragma unroll
    for (int j = 0; j < Product::runs; ++j) {
      const int column = first_column + product.column(j);
      const auto added = finish.bias.template added<run>(column, n);
#pragma unroll
      for (int i = 0; i < Product::rows; ++i)
        kernels::store(to + (rows.first + (product.row(i) - product.row(0)) * rows.pitch) * n + column,
                       f(product.run(i, j), added));
    }
  }

  __device__ std::int64_t row_of_y(std::int64_t row) const {
    return spread ? pixels.at(static_cast<unsigned>(row)).index : row;
  }
};

/// Whether sums may go there before all are added.
template <class To>
concept TakesParts = requires(const To& to) {
  to.partial;
};

}  // namespace mpad::kernels
