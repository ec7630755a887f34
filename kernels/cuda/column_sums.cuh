// SPDX-License-Identifier: MIT
// Sums of the columns of what warps store, for the statistics of a normalisation behind it: of differences from a row
// of the warp's, so that a mean far from 0 cancels before anything is squared.
#pragma once
#include "launch.cuh"
#include "reduce.cuh"
#include "vector.cuh"

#include <mpad/core/device.h>

namespace mpad::kernels {

/// Adds v[i] up over the lanes that lie multiples of `distance` apart, in a fixed tree. Lane number q among them, in
/// order, gets the q-th share of the sums, from v[0] on. All lanes of the warp take part.
template <int distance, int apart = 16, int count, class A>
__device__ inline void sum_over_lanes(A (&v)[count]) {
  constexpr int half = count * apart / 32;
  static_assert(half > 0);
  const bool upper = (threadIdx.x & static_cast<unsigned>(apart)) != 0;
#pragma unroll
  for (int i = 0; i < half; ++i) {
    const A kept = upper ? v[i + half] : v[i], given = upper ? v[i] : v[i + half];
    v[i] = kept + __shfl_xor_sync(0xffffffff, given, apart);
  }
  if constexpr (apart > distance) sum_over_lanes<distance, apart / 2>(v);
}

/// The sums of the columns of a matrix m x n: for each column and each 32 rows, of differences from the first of those
/// rows and of their squares. Which lanes have which of 32 rows is the same for every shape of tiles, so the bits are.
template <class T>
struct ColumnSums {
  using A = acc_t<T>;
  static constexpr int rows = 32;
  Pack<A, 2>* sums;  // n, blocks of rows
  std::int64_t m;
  int n;

  __host__ __device__ std::int64_t blocks() const { return ceil_div<std::int64_t>(m, rows); }

  /// Of the tile whose first row and column these are; stored(i, j) stores run j of the product's row i, and gives it.
  /// `whole`: all rows of the warp's are there. From the product's row `first` on, one block of rows after another.
  template <bool whole, int first = 0, class Product, class Stored>
  __device__ void add_tile(const Product& product, std::int64_t first_row, int first_column,
                           const Stored& stored) const {
    constexpr int lanes = Product::lanes_of_row, size = sizeof(stored(0, 0)) / sizeof(T),
                  columns = Product::runs * size;
    const int lane = static_cast<int>(threadIdx.x) % 32;
    A sum[columns] = {}, squares[columns] = {};
#pragma unroll
    for (int j = 0; j < Product::runs; ++j) {
      A origin[size] = {};
#pragma unroll
      for (int i = 0; i < lanes; ++i) {
        const Pack<T, size> run = stored(first + i, j);
#pragma unroll
        for (int e = 0; e < size; ++e) {
          const A value = widen(run.element[e]);
          if (i == 0) origin[e] = __shfl_sync(0xffffffff, value, lane % lanes);
          const A d = whole || first_row + product.row(first + i) < m ? value - origin[e] : A(0);
          sum[j * size + e] += d;
          squares[j * size + e] = fma(d, d, squares[j * size + e]);
        }
      }
    }
    sum_over_lanes<lanes>(sum);
    sum_over_lanes<lanes>(squares);
    store_share<size>(product, first_row + product.row(first) - lane / lanes, first_column, sum, squares);
    if constexpr (first + lanes < Product::rows)
      add_tile<whole, first + lanes>(product, first_row, first_column, stored);
  }

 private:
  /// Those of the lane's share of the columns, in the block that begins with this row.
  template <int size, class Product, int columns>
  __device__ void store_share(const Product& product, std::int64_t row, int first_column, const A (&sum)[columns],
                              const A (&squares)[columns]) const {
    constexpr int lanes = Product::lanes_of_row, share = columns * lanes / 32;
    if (row >= m) return;
#pragma unroll
    for (int i = 0; i < share; ++i) {
      const int at = static_cast<int>(threadIdx.x) % 32 / lanes * share + i;
      const int column = first_column + product.column(at / size) + at % size;
      if (column < n) store(sums[column * blocks() + row / rows].element, Pack<A, 2>{{sum[i], squares[i]}});
    }
  }
};

/// finish(column, sum, sum of squares) of differences from row 0 of x, whose columns were summed: a block of threads
/// for each column.
template <class T, class Finish>
__global__ void __launch_bounds__(256) finish_columns(const T* x, const ColumnSums<T> columns, const Finish finish) {
  follow_kernels_before();
  using A = acc_t<T>;
  struct Block {
    Pack<A, 2> sums;
    A origin;
  };
  constexpr int rows = ColumnSums<T>::rows;
  const std::int64_t column = blockIdx.x, blocks = columns.blocks();
  const A origin = widen(x[column]);
  A sum = 0, squares = 0;
  const auto load_block = [&](std::int64_t i) {
    return Block{columns.sums[column * blocks + i], widen(x[i * rows * columns.n + column])};
  };
  std::int64_t left = columns.m - std::int64_t{threadIdx.x} * rows;
  use_in_order(threadIdx.x, blocks, 256, load_block, [&](const Block& block) {
    // From the origin of the block to that of all: each difference grows by the same.
    const A grown = block.origin - origin, total = static_cast<A>(left < rows ? left : rows) * grown;
    const auto& [of_block, squares_of_block] = block.sums.element;
    sum += of_block + total;
    squares += squares_of_block + grown * (A(2) * of_block + total);
    left -= std::int64_t{256} * rows;
  });
  sum = reduce_block<256>(sum, A(0), Add());
  squares = reduce_block<256>(squares, A(0), Add());
  if (threadIdx.x == 0) finish(column, sum, squares);
}

}  // namespace mpad::kernels
