// SPDX-License-Identifier: MIT
// Products of halves by warpgroups whose slices the tensor memory accelerator copies: one thread asks for them, and no
// thread finds places in memory. Operands are those of copied_operands.cuh.
#pragma once
#include "copied_operands.cuh"
#include "group_product.cuh"
#include "tile_part.cuh"

namespace mpad::kernels {

/// Blocks that share a multiprocessor: its registers, or the shared memory of as many stages. What adds up the columns
/// of a tile as it stores them holds more.
template <class To>
inline constexpr int resident_copied_blocks = TakesParts<To> ? 3 : 2;

/// As multiply_tiles, with the same bits. A and B are CopiedOperands.
template <class Shape, class A, class B, class To, int dynamic_bytes>
__global__ void __launch_bounds__(Shape::threads, resident_copied_blocks<To>)
    multiply_copied_tiles(MPAD_GRID_CONSTANT const A a, MPAD_GRID_CONSTANT const B b, const To destination,
                          const Slices slices) {
  follow_kernels_before();
  constexpr int depth = slice_depth<half>, a_size = Shape::m * depth, size = Stages<half, Shape>::slice;
  constexpr int stages = Stages<half, Shape>::count, ahead = Stages<half, Shape>::ahead;
  static_assert(dynamic_bytes == Stages<half, Shape>::bytes);
  MPAD_DYNAMIC_SHARED_PERMUTED(half, tiles);
  MPAD_SHARED(CopyBarrier, copied, [stages]);

  const TilePart<Shape> part(destination.n, slices);
  if (part.is_none()) return;
  const CopiedSlices<A> slices_a(a, part.first_m);
  const CopiedSlices<B> slices_b(b, part.first_n);
  const bool copies = threadIdx.x == 0;
  if (copies) {
    for (int stage = 0; stage < stages; ++stage) copied[stage].init();
    commit_barriers();
  }
  __syncthreads();
  SliceWalk walk(part.reached, part.begin);
  const auto copy = [&](unsigned slice) {
    if (!copies || slice >= part.count) return;
    const unsigned stage = slice % stages, from = walk.next() * depth;
    half* const to = tiles + stage * size;
    copied[stage].expect(size * sizeof(half));
    slices_a.copy(to, from, copied[stage]);
    slices_b.copy(to + a_size, from, copied[stage]);
  };
  for (unsigned slice = 0; slice < ahead; ++slice) copy(slice);
  WarpProduct<half, Shape, A::contiguous, B::contiguous> product;
  for (unsigned slice = 0; slice < part.count; ++slice) {
    const unsigned stage = slice % stages;
    copied[stage].wait(slice / stages % 2);
    __syncthreads();  // the product before the last has ended for all: the stage that is copied to next is free
    product.multiply(tiles + stage * size, tiles + stage * size + a_size);
    copy(slice + ahead);
    product.finish_before_last();
  }
  product.finish();
  store_sums<float>(product, part, tiles, destination);
}

}  // namespace mpad::kernels
