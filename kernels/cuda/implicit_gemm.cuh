// SPDX-License-Identifier: MIT
// The skeleton of every convolution: y (m x n, row-major) = a * b, operands gathered from global memory slice by slice.
// A block has one tile of y and one part of the reduction.
#pragma once
#include "copied_gemm.cuh"
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

  const TilePart<Shape> part(destination.n, slices);
  if (part.is_none()) return;
  const LoaderA load_a(a.source, part.first_m);
  const LoaderB load_b(b.source, part.first_n);
  // Stages go round: where the next slice is loaded to, and where the one is that is multiplied.
  const auto next = [&](int stage) { return stage == (stages - 1) * size ? 0 : stage + size; };
  int loading = 0, multiplying = 0;
  SliceWalk walk(part.reached, part.begin);
  const auto load = [&](unsigned slice) {
    if (slice < part.count) {
      const unsigned from = walk.next() * depth;
      load_a.load(tiles + loading, from);
      load_b.load(tiles + loading + a_size, from);
    }
    loading = next(loading);
    cp_async_commit();
  };
  for (unsigned slice = 0; slice < ahead; ++slice) load(slice);
  WarpProduct<T, Shape, A::contiguous, B::contiguous> product;
  for (unsigned slice = 0; slice < part.count; ++slice) {
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
  store_sums<acc_t<T>>(product, part, tiles, destination);
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
  bool large, tall;  // of more than a small tile's rows, and than its columns or half of them
  int tile_m, tile_n;
  Slices slices;

  /// All of `depth` for every tile.
  Cut(std::int64_t m, int n, std::int64_t depth)
      : large(m > SmallShape::m && n > SmallShape::n),
        tall(m > SmallShape::m && n > SmallShape::n / 2),
        tile_m(large ? LargeShape<T>::m : SmallShape::m),
        tile_n(large ? LargeShape<T>::n : SmallShape::n),
        slices(cut_reduction(large ? tiles_of<LargeShape<T>>(m, n) : tiles_of<SmallShape>(m, n),
                             ceil_div<std::int64_t>(depth, slice_depth<T>), least_slices)) {}

  static constexpr std::int64_t least_slices = 8;
};

/// Blocks that add up their parts on the chip, before they store.
template <class To>
unsigned cluster_of(const To& to) {
  if constexpr (TakesParts<To>)
    return to.cluster;
  else
    return 1;
}

/// Launches a kernel of a product, whose tiles are of this shape, and which has so many bytes of static shared memory.
template <class Shape, class T, class A, class B, class To>
void launch_tiles(const char* op, Cuda where, void (*kernel)(A, B, To, Slices), const A& a, const B& b,
                  const Cut<T>& cut, const To& to, int static_bytes) {
  constexpr int of_stages = Stages<T, Shape>::bytes, of_sums = Shape::m * Shape::n * sizeof(acc_t<T>);
  const unsigned cluster = cluster_of(to);
  const int bytes = cluster > 1 ? std::max(of_stages, of_sums) : of_stages;
  if (static_bytes + bytes > 48 * 1024) allow_shared_bytes(op, kernel, bytes);
  const dim3 grid(tiles_of<Shape>(to.m, to.n), ceil_div(cut.slices.parts, cluster), cluster);
  launch(op, kernel, LaunchShape{grid, Shape::threads, static_cast<std::size_t>(bytes), cluster},
         static_cast<cudaStream_t>(where.stream), a, b, to, cut.slices);
}

/// Multiplies a * b of slices that the tensor memory accelerator copies, or returns false where it was not asked for or
/// cannot.
template <class Shape, class A, class B, class To>
bool multiply_copied(const char* op, Cuda where, const A& a, const B& b, const Cut<half>& cut, const To& to) {
  using OfA = Copying<A::contiguous, Shape::m>;
  using OfB = Copying<B::contiguous, Shape::n>;
  if constexpr (requires { OfA::copied(op, a.source), OfB::copied(op, b.source); }) {
    if (!cuda::uses(cuda::Sm90::tma) || !OfA::can_copy(a.source) || !OfB::can_copy(b.source)) return false;
    using FromA = CopiedOperand<decltype(OfA::copied(op, a.source)), A::contiguous, Shape::m>;
    using FromB = CopiedOperand<decltype(OfB::copied(op, b.source)), B::contiguous, Shape::n>;
    const FromA from_a{OfA::copied(op, a.source)};
    const FromB from_b{OfB::copied(op, b.source)};
    const auto kernel = multiply_copied_tiles<Shape, FromA, FromB, To, Stages<half, Shape>::bytes>;
    launch_tiles<Shape>(op, where, kernel, from_a, from_b, cut, to, Stages<half, Shape>::count * sizeof(CopyBarrier));
    return true;
  }
  return false;
}

/// Multiplies the tiles of a * b. Alignment decides `packing`; the bits do not depend on it, nor on the tiles' shape,
/// where both multiply by the same instructions.
template <class T, class A, class B, class To>
void multiply(const char* op, Cuda where, const A& a, const B& b, Packing packing, const Cut<T>& cut, const To& to) {
  with_runs<T>(packing, [&]<class Run>(Run) {
    const auto with = [&]<class Shape>(Shape) {
      launch_tiles<Shape>(op, where, multiply_tiles<T, Shape, Run, A, B, To, Stages<T, Shape>::bytes>, a, b, cut, to,
                          0);
    };
    if constexpr (Run::a == full_pack<T> && Run::b == full_pack<T>) {
      if constexpr (std::is_same_v<T, half>)
        if (cuda::uses(cuda::Sm90::groups)) {
          const auto by_group = [&]<class Shape>(Shape shape) {
            if (!multiply_copied<Shape>(op, where, a, b, cut, to)) with(shape);
          };
          static_assert(GroupShape<128>::m == LargeShape<T>::m && GroupShape<128>::n == LargeShape<T>::n);
          if (cut.large) return by_group(GroupShape<128>());
          // Where nothing is cut there are tiles enough. Of twice the rows, they would reach more than small ones.
          if (cut.tall && cut.slices.parts == 1 && cut.slices.reaches_all) return by_group(GroupShape<64>());
        }
      if (cut.large) return with(LargeShape<T>());
    }
    with(SmallShape());
  });
}

/// y = a * b, whose parts are added as `cut` says.
template <class T, class A, class B>
void implicit_gemm(const char* op, Cuda where, const A& a, const B& b, Packing packing, const Cut<T>& cut,
                   const Destination<T>& destination) {
  in_parts(op, where, by_clusters(destination, cut.slices), cut.slices,
           [&](const Destination<T>& to) { multiply<T>(op, where, a, b, packing, cut, to); });
}

}  // namespace mpad::kernels
