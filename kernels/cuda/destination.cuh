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

/// Where sums go: finished, to y; or, if others are to be added, to `partial` (blockIdx.y, m, n). Row i of the product
/// is row i of y or, if `spread`, that of the i-th of some pixels. A cluster of so many blocks adds up theirs first.
template <class T>
struct Destination {
  T* y;
  Finish<T> finish;
  std::int64_t m;
  int n;
  bool in_runs = rows_in_runs(y, n);
  acc_t<T>* partial = nullptr;
  bool spread = false;
  PixelGrid pixels{};
  unsigned cluster = 1;

  template <int run>
  __device__ void store(std::int64_t row, int column, const Pack<acc_t<T>, run>& sums) const {
    if (row >= m || column >= n) return;
    if (partial != nullptr)
      store_run(partial + (blockIdx.y * m + row) * n + column, sums, column, n, in_runs);
    else
      store_run(y + row_of_y(row) * n + column, finish(sums, column, n), column, n, in_runs);
  }

  /// Of the tile that begins at this row and column.
  template <class Product>
  __device__ void store_tile(const Product& product, std::int64_t first_row, int first_column) const {
    using Sums = decltype(product.run(0, 0));
    if (spread || !in_runs || reaches_edge(product, first_row, first_column, m, n))
      store_edge(product, first_row, first_column);
    else if (partial != nullptr)
      store_whole(product, first_row, first_column, partial + blockIdx.y * m * n,
                  [](const Sums& sums, const Sums&) { return sums; });
    else if (finish.relu)
      store_whole(product, first_row, first_column, y,
                  [&](const Sums& sums, const Sums& added) { return finish.bias.template rounded<true>(sums, added); });
    else
      store_whole(product, first_row, first_column, y, [&](const Sums& sums, const Sums& added) {
        return finish.bias.template rounded<false>(sums, added);
      });
  }

  /// Where element i of the product goes.
  __device__ T* place(std::int64_t i) const { return y + (spread ? row_of_y(i / n) * n + i % n : i); }

 private:
  template <class Product>
  __device__ void store_edge(const Product& product, std::int64_t first_row, int first_column) const {
#pragma unroll
    for (int i = 0; i < Product::rows; ++i)
#pragma unroll
      for (int j = 0; j < Product::runs; ++j)
        store(first_row + product.row(i), first_column + product.column(j), product.run(i, j));
  }
  /// All runs there, ended by f(sums, what is added to their columns).
  template <class Product, class E, class F>
  __device__ void store_whole(const Product& product, std::int64_t first_row, int first_column, E* to,
                              const F& f) const {
    constexpr int run = std::extent_v<decltype(product.run(0, 0).element)>;
#pragma unroll
    for (int j = 0; j < Product::runs; ++j) {
      const int column = first_column + product.column(j);
      const auto added = finish.bias.template added<run>(column, n);
#pragma unroll
      for (int i = 0; i < Product::rows; ++i)
        kernels::store(to + (first_row + product.row(i)) * n + column, f(product.run(i, j), added));
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
