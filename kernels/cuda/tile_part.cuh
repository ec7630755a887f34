// SPDX-License-Identifier: MIT
// What a block of a product has: a tile of the result and part of its reduction, slice by slice.
#pragma once
#include "reduction_parts.cuh"
#include "tile_load.cuh"

#include <type_traits>

namespace mpad::kernels {

/// Stages that slices of both operands go round in, and how many slices are on their way to them while one is
/// multiplied. A product by warps has ended when the next slice's begins; one by a warpgroup ends while that runs, and
/// so keeps a stage longer.
template <class T, class Shape>
struct Stages {
  static constexpr int slice = (Shape::m + Shape::n) * slice_depth<T>;  // elements
  static constexpr int bytes_of_slice = slice * static_cast<int>(sizeof(T)), fitting = 48 * 1024 / bytes_of_slice;
  static constexpr int count = Shape::asynchronous || fitting > 4 ? 4 : fitting;
  static constexpr int ahead = Shape::asynchronous ? count - 2 : count - 1;
  static constexpr int bytes = count * bytes_of_slice;
};

/// A block's tile, which begins at first_m, first_n of a result of n columns, and its part of the reduction.
template <class Shape>
struct TilePart {
  unsigned first_m, first_n;
  TileSlices reached;  // by the tile
  EvenParts parts;     // of them
  unsigned first_of_cluster, begin, count;

  __device__ TilePart(int n, const Slices& slices) {
    const unsigned columns = ceil_div(static_cast<unsigned>(n), static_cast<unsigned>(Shape::n));
    first_m = blockIdx.x / columns * Shape::m, first_n = blockIdx.x % columns * Shape::n;
    reached = slices.of_tile(first_m, Shape::m, first_n, Shape::n);
    parts = slices.cut(reached.count);
    first_of_cluster = blockIdx.y * gridDim.z;
    const unsigned part = first_of_cluster + blockIdx.z;
    begin = parts.begin(part), count = parts.size(part);
  }
  /// Whether no block of the cluster has a part.
  __device__ bool is_none() const { return first_of_cluster >= parts.count; }
};

/// Adds the sums of the first `ranks` of a cluster's blocks, in order, each block those of some runs of all its
/// threads, and stores them. `shared` has room for a block's sums; whatever was there is done with.
template <class A, class Shape, class Product, class To>
__device__ inline void store_sums_of_cluster(const Product& product, A* shared, unsigned ranks, const To& destination,
                                             std::int64_t first_row, int first_column, bool are_partial) {
  using Sums = decltype(product.run(0, 0));
  constexpr int run = std::extent_v<decltype(product.run(0, 0).element)>;
  const auto place = [&](int i) { return shared + (i * Shape::threads + static_cast<int>(threadIdx.x)) * run; };
  __syncthreads();
#pragma unroll
  for (int i = 0; i < Product::rows; ++i)
#pragma unroll
    for (int j = 0; j < Product::runs; ++j) store(place(i * Product::runs + j), product.run(i, j));
  sync_cluster();
  for (int i = static_cast<int>(blockIdx.z); i < Product::rows * Product::runs; i += static_cast<int>(gridDim.z)) {
    const auto load_of = [&](std::int64_t rank) { return load<run>(in_block(place(i), static_cast<unsigned>(rank))); };
    Sums sums = load_of(0);
    use_in_order(1, ranks, 1, load_of, [&](const Sums& other) { add_run(sums, other); });
    destination.store(first_row + product.row(i / Product::runs), first_column + product.column(i % Product::runs),
                      sums, are_partial);
  }
  sync_cluster();  // others read here until then
}

/// Stores a part's sums, or those of the cluster's parts. `shared` has room for a block's sums where there is one.
template <class A, class Shape, class Product, class To>
__device__ inline void store_sums(const Product& product, const TilePart<Shape>& part, void* shared,
                                  const To& destination) {
  const auto row = std::int64_t{part.first_m};
  const auto column = static_cast<int>(part.first_n);
  if constexpr (TakesParts<To>) {
    const bool are_partial = part.parts.count > gridDim.z;
    if constexpr (can_cluster)
      if (gridDim.z > 1) {
        const unsigned ranks = min(part.parts.count - part.first_of_cluster, gridDim.z);
        return store_sums_of_cluster<A, Shape>(product, static_cast<A*>(shared), ranks, destination, row, column,
                                               are_partial);
      }
    destination.store_tile(product, row, column, are_partial);
  } else {
    destination.store_tile(product, row, column);
  }
}

}  // namespace mpad::kernels
