// SPDX-License-Identifier: MIT
// The skeleton of every convolution: y (m x n, row-major) = a * b, operands gathered from global memory slice by slice.
// A block has one tile of y and one part of the reduction. The reduction is cut into parts, whose sums are added in
// order behind it, where there are too few tiles to fill a device. Parts depend on sizes alone, so the bits of a result
// are the same on every device.
#pragma once
#include "conv2d_operands.cuh"
#include "finish.cuh"
#include "group_product.cuh"
#include "launch.cuh"
#include "reduce.cuh"
#include "scratch.h"
#include "sm90.h"
#include "warp_product_double.cuh"
#include "warp_product_float.cuh"
#include "warp_product_half.cuh"

#include <algorithm>
#include <type_traits>

namespace mpad::kernels {

/// A matrix, and which axis of it is contiguous: its rows run along the extent (a pixel, a channel of the result) and
/// its columns along the depth of the reduction, or the other way round.
template <class SourceType, Contiguous contiguous_axis>
struct Operand {
  using Source = SourceType;
  static constexpr Contiguous contiguous = contiguous_axis;
  Source source;
};

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

/// Slices of the reduction, cut into parts that differ by one slice at most. Their sums are added in groups of
/// `together` parts, in order, and then those of the groups, in order.
struct Slices {
  unsigned parts, together, least, longer;  // the first `longer` parts have one slice more than the least

  Slices(std::int64_t count, std::int64_t parts_of_it)
      : parts(static_cast<unsigned>(parts_of_it)),
        together(parts % most_together == 0 ? most_together : parts),
        least(static_cast<unsigned>(count / parts_of_it)),
        longer(static_cast<unsigned>(count % parts_of_it)) {}

  static constexpr unsigned most_together = 8;  // blocks of a cluster on every device that has them
  static bool allows(std::int64_t parts) { return parts <= most_together || parts % most_together == 0; }
  __device__ unsigned begin(unsigned part) const { return part * least + min(part, longer); }
  __device__ unsigned size(unsigned part) const { return least + (part < longer ? 1 : 0); }
};

/// How many adjacent elements of each operand are copied at a time.
template <int of_a, int of_b>
struct Runs {
  static constexpr int a = of_a, b = of_b;
};

/// Blocks that share a multiprocessor's registers. Before sm_80 its shared memory is enough for one.
#ifdef MPAD_BEFORE_SM80
template <class T, class Shape, class Run>
inline constexpr int resident_blocks = 1;
#else
template <class T, class Shape, class Run>
inline constexpr int resident_blocks =
    Run::a != full_pack<T> || Run::b != full_pack<T> || Shape::threads == 256 || Shape::sums >= 64 ? 2 : 3;
#endif

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

template <class A, int run>
__device__ inline void add_run(Pack<A, run>& sums, const Pack<A, run>& others) {
#pragma unroll
  for (int e = 0; e < run; ++e) sums.element[e] += others.element[e];
}

/// Whether sums may go there before all are added.
template <class To>
concept TakesParts = requires(const To& to) {
  to.partial;
};

/// Adds the sums of a cluster's blocks, in order of their ranks, each block those of some runs of all its threads, and
/// stores them. `shared` has room for a block's sums; whatever was there is done with.
template <class A, class Shape, class Product, class To>
__device__ inline void store_sums_of_cluster(const Product& product, A* shared, const To& destination,
                                             std::int64_t first_row, int first_column) {
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
    use_in_order(1, gridDim.z, 1, load_of, [&](const Sums& other) { add_run(sums, other); });
    destination.store(first_row + product.row(i / Product::runs), first_column + product.column(i % Product::runs),
                      sums);
  }
  sync_cluster();  // others read here until then
}

/// `dynamic_bytes` of shared memory hold the stages; an argument so that the kernel's name tells them. A cluster of
/// gridDim.z blocks, if more than one, adds up its parts; the memory holds a block's sums, too, then.
template <class T, class Shape, class Run, class A, class B, class To, int dynamic_bytes>
__global__ void __launch_bounds__(Shape::threads, (resident_blocks<T, Shape, Run>))
    multiply_tiles(const A a, const B b, const To destination, const Slices slices) {
  follow_kernels_before();
  using TileA = typename Shape::template TileA<T, A::contiguous>;
  using TileB = typename Shape::template TileB<T, B::contiguous>;
  using LoaderA = TileLoader<typename A::Source, TileA, Shape::threads, Run::a>;
  using LoaderB = TileLoader<typename B::Source, TileB, Shape::threads, Run::b>;
  constexpr int depth = slice_depth<T>, a_size = Shape::m * depth, size = Stages<T, Shape>::slice;
  constexpr int stages = Stages<T, Shape>::count, ahead = Stages<T, Shape>::ahead;
  static_assert(dynamic_bytes == stages * size * sizeof(T));
  MPAD_DYNAMIC_SHARED_PERMUTED(T, tiles);

  const unsigned columns = ceil_div(static_cast<unsigned>(destination.n), static_cast<unsigned>(Shape::n));
  const unsigned first_m = blockIdx.x / columns * Shape::m, first_n = blockIdx.x % columns * Shape::n;
  const LoaderA load_a(a.source, first_m);
  const LoaderB load_b(b.source, first_n);

  const unsigned part = blockIdx.y * gridDim.z + blockIdx.z, begin = slices.begin(part), count = slices.size(part);
  // Stages go round: where the next slice is loaded to, and where the one is that is multiplied.
  const auto next = [&](int stage) { return stage == (stages - 1) * size ? 0 : stage + size; };
  int loading = 0, multiplying = 0;
  const auto load = [&](unsigned slice) {
    if (slice < count) {
      load_a.load(tiles + loading, (begin + slice) * depth);
      load_b.load(tiles + loading + a_size, (begin + slice) * depth);
    }
    loading = next(loading);
    cp_async_commit();
  };
  for (unsigned slice = 0; slice < ahead; ++slice) load(slice);
  WarpProduct<T, Shape, A::contiguous, B::contiguous> product;
  for (unsigned slice = 0; slice < count; ++slice) {
    cp_async_wait<ahead - 1>();
    if constexpr (Shape::asynchronous) fence_for_groups();
    __syncthreads();  // the slice is there for all, and the stage that is loaded next is free
    if constexpr (!Shape::asynchronous) load(slice + ahead);
    product.multiply(tiles + multiplying, tiles + multiplying + a_size);
    if constexpr (Shape::asynchronous) {
      load(slice + ahead);  // while this product runs and the one before
      product.finish_before_last();
    }
    multiplying = next(multiplying);
  }
  if constexpr (Shape::asynchronous) product.finish();
  if constexpr (TakesParts<To> && can_cluster)
    if (gridDim.z > 1)
      return store_sums_of_cluster<acc_t<T>, Shape>(product, reinterpret_cast<acc_t<T>*>(tiles), destination,
                                                    std::int64_t{first_m}, static_cast<int>(first_n));
  destination.store_tile(product, std::int64_t{first_m}, static_cast<int>(first_n));
}

/// Sums that are to be added: `groups` of `together` in a row, as Slices says.
struct Parts {
  int groups, together;
};
inline constexpr int most_groups = 64;

/// y = the sum of the parts, finished. A thread has `run` adjacent elements, of one row.
template <class T, int run>
__global__ void __launch_bounds__(256) sum_parts(const Destination<T> destination, const Parts parts) {
  follow_kernels_before();
  using Sums = Pack<acc_t<T>, run>;
  const std::int64_t count = destination.m * destination.n;
  const std::int64_t first = (static_cast<std::int64_t>(blockIdx.x) * 256 + threadIdx.x) * run;
  if (first >= count) return;
  const auto load_part = [&](std::int64_t part) { return load<run>(destination.partial + part * count + first); };
  const auto sum_group = [&](int group) {
    const std::int64_t begin = std::int64_t{group} * parts.together;
    Sums sum = load_part(begin);
    use_in_order(begin + 1, begin + parts.together, 1, load_part, [&](const Sums& part) { add_run(sum, part); });
    return sum;
  };
  Sums sum = sum_group(0);
  for (int group = 1; group < parts.groups; ++group) add_run(sum, sum_group(group));
  store(destination.place(first), destination.finish(sum, static_cast<int>(first % destination.n), destination.n));
}

/// The same for few elements of many parts: a block has 32 elements, and each of its warps every eighth group.
template <class T>
__global__ void __launch_bounds__(256) sum_many_parts(const Destination<T> destination, const Parts parts) {
  follow_kernels_before();
  using A = acc_t<T>;
  constexpr int warps = 8;
  MPAD_SHARED(A, shared, [most_groups][32]);
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  const std::int64_t count = destination.m * destination.n, i = std::int64_t{blockIdx.x} * 32 + lane;
  if (i < count)
    for (int group = warp; group < parts.groups; group += warps) {
      const std::int64_t begin = std::int64_t{group} * parts.together;
      const auto load_part = [&](std::int64_t part) { return destination.partial[part * count + i]; };
      A sum = load_part(begin);
      use_in_order(begin + 1, begin + parts.together, 1, load_part, [&](A part) { sum += part; });
      shared[group][lane] = sum;
    }
  __syncthreads();
  if (warp > 0 || i >= count) return;
  A sum = shared[0][lane];
  for (int group = 1; group < parts.groups; ++group) sum += shared[group][lane];
  const int column = static_cast<int>(i % destination.n);
  store(destination.place(i), destination.finish(Pack<A, 1>{{sum}}, column, destination.n));
}

/// Cuts a reduction of `slices` slices, for `tiles` tiles of the result, into parts of at least `least` slices. A large
/// device has some 256 blocks at work, so the last of those that wait for others should leave none idle; and parts cost
/// their own sum. Depends on sizes alone.
inline Slices cut_reduction(std::int64_t tiles, std::int64_t slices, std::int64_t least) {
  constexpr std::int64_t at_work = 256;
  tiles = std::max<std::int64_t>(tiles, 1);
  // In the time that a block takes for a slice: of the blocks behind each other, and of the sum of the parts.
  const auto cost = [&](std::int64_t parts) {
    const std::int64_t blocks = ceil_div(tiles * parts, at_work) * ceil_div(slices, parts);
    return parts == 1 ? blocks : blocks + 3 + tiles * parts / 64;
  };
  std::int64_t best = 1;
  const std::int64_t most = std::min(slices / least, 2 * at_work / tiles);
  static_assert(2 * at_work <= Slices::most_together * most_groups);
  for (std::int64_t parts = 2; parts <= most; ++parts)
    if (Slices::allows(parts) && cost(parts) < cost(best)) best = parts;
  return {slices, best};
}

/// Calls run(destination), which sums each part, or those of each cluster where destination.cluster says so, and then
/// adds up what that leaves.
template <class T, class Run>
void in_parts(const char* op, Cuda where, Destination<T> destination, const Slices& slices, const Run& run) {
  const std::int64_t count = destination.m * destination.n;
  if (count == 0) return;
  const unsigned left = slices.parts / destination.cluster;
  if (left > 1) destination.partial = cuda::scratch<acc_t<T>>(where, Scratch::partial_sums, left * count);
  run(destination);
  if (left == 1) return;
  const unsigned together = slices.together / destination.cluster;
  const Parts parts{static_cast<int>(left / together), static_cast<int>(together)};
  const auto sum = [&](auto kernel, std::int64_t elements_of_block) {
    launch(op, kernel, static_cast<unsigned>(ceil_div(count, elements_of_block)), 256, 0,
           static_cast<cudaStream_t>(where.stream), destination, parts);
  };
  constexpr int adjacent = full_pack<acc_t<T>>;
  if (left >= 32)
    sum(sum_many_parts<T>, 32);
  else if (destination.in_runs)
    sum(sum_parts<T, adjacent>, 256 * adjacent);
  else
    sum(sum_parts<T, 1>, 256);
}

/// 128 x 128 for tensor cores, in warps of 64 x 64: the larger a warp's part, the fewer bytes of shared memory it reads
/// for each product. Sums in float and double fill the registers earlier, and 64 x 128 and 128 x 64 leave room for
/// several blocks on a multiprocessor.
template <class T>
using LargeShape = std::conditional_t<
    std::is_same_v<T, half>, BlockShape<2, 2, 64, 64>,
    std::conditional_t<std::is_same_v<T, float>, BlockShape<2, 2, 32, 64>, BlockShape<4, 2, 32, 32>>>;
using SmallShape = BlockShape<2, 2, 32, 32>;

/// Elements in 4 bytes, the least that cp.async copies, or one.
template <class T>
inline constexpr int narrow_run = sizeof(T) < 4 ? 4 / static_cast<int>(sizeof(T)) : 1;

/// How many adjacent elements, of those that lie along each axis of a product, can be copied at a time: 16 bytes of
/// them, 4 bytes, or one.
struct Packing {
  int a, b;
};

/// Of rows of `extent` elements from p on.
template <class T>
int packing(const T* p, std::int64_t extent) {
  const auto allows = [&]<int run>() { return extent % run == 0 && is_aligned<run>(p); };
  if (allows.template operator()<full_pack<T>>()) return full_pack<T>;
  return allows.template operator()<narrow_run<T>>() ? narrow_run<T> : 1;
}

/// f(Runs) for the largest runs that are compiled and that `packing` allows.
template <class T, class F>
void with_runs(Packing packing, const F& f) {
  constexpr int full = full_pack<T>, narrow = narrow_run<T>;
  if (packing.a == full && packing.b == full) return f(Runs<full, full>());
  if (packing.a == full && packing.b >= narrow) return f(Runs<full, narrow>());
  if (packing.a >= narrow && packing.b >= narrow) return f(Runs<narrow, narrow>());
  if constexpr (narrow > 1) return f(Runs<1, 1>());
}

/// Tiles of an m x n product.
template <class Shape>
unsigned tiles_of(std::int64_t m, int n) {
  return static_cast<unsigned>(ceil_div<std::int64_t>(m, Shape::m) * ceil_div<std::int64_t>(n, Shape::n));
}

/// How an m x n product is cut: a function of its sizes alone.
template <class T>
struct Cut {
  bool large;
  Slices slices;

  Cut(std::int64_t m, int n, std::int64_t depth)
      : large(m > SmallShape::m && n > SmallShape::n),
        slices(cut_reduction(large ? tiles_of<LargeShape<T>>(m, n) : tiles_of<SmallShape>(m, n),
                             ceil_div<std::int64_t>(depth, slice_depth<T>), 8)) {}
};

/// Blocks that add up their parts on the chip, before they store.
template <class To>
unsigned cluster_of(const To& to) {
  if constexpr (TakesParts<To>)
    return to.cluster;
  else
    return 1;
}

/// Multiplies the tiles of a * b. Alignment decides `packing`; the bits do not depend on it, nor on the tiles' shape.
template <class T, class A, class B, class To>
void multiply(const char* op, Cuda where, const A& a, const B& b, Packing packing, const Cut<T>& cut, const To& to) {
  with_runs<T>(packing, [&]<class Run>(Run) {
    const auto with = [&]<class Shape>(Shape) {
      constexpr int of_stages = Stages<T, Shape>::bytes, of_sums = Shape::m * Shape::n * sizeof(acc_t<T>);
      const auto kernel = multiply_tiles<T, Shape, Run, A, B, To, of_stages>;
      const unsigned cluster = cluster_of(to);
      const int bytes = cluster > 1 ? std::max(of_stages, of_sums) : of_stages;
      if (bytes > 48 * 1024) allow_shared_bytes(op, kernel, bytes);
      const dim3 grid(tiles_of<Shape>(to.m, to.n), cut.slices.parts / cluster, cluster);
      launch(op, kernel, LaunchShape{grid, Shape::threads, static_cast<std::size_t>(bytes), cluster},
             static_cast<cudaStream_t>(where.stream), a, b, to, cut.slices);
    };
    if constexpr (Run::a == full_pack<T> && Run::b == full_pack<T>) {
      if constexpr (std::is_same_v<T, half>)
        if (cuda::uses(cuda::Sm90::groups)) {
          if (cut.large) return with(GroupShape<128>());
          // Where nothing is cut there are tiles enough.
          if (to.m > SmallShape::m && to.n > SmallShape::n / 2 && cut.slices.parts == 1) return with(GroupShape<64>());
        }
      if (cut.large) return with(LargeShape<T>());
    }
    with(SmallShape());
  });
}

/// With blocks that add up their parts on the chip, where that is asked for.
template <class T>
Destination<T> by_clusters(Destination<T> destination, const Slices& slices) {
  destination.cluster = cuda::uses(cuda::Sm90::clusters) ? slices.together : 1;
  return destination;
}

/// y = a * b.
template <class T, class A, class B>
void implicit_gemm(const char* op, Cuda where, const A& a, const B& b, std::int64_t depth, Packing packing,
                   const Destination<T>& destination) {
  const Cut<T> cut(destination.m, destination.n, depth);
  in_parts(op, where, by_clusters(destination, cut.slices), cut.slices,
           [&](const Destination<T>& to) { multiply<T>(op, where, a, b, packing, cut, to); });
}

}  // namespace mpad::kernels
