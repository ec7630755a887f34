// SPDX-License-Identifier: MIT
// Reductions of a product in parts, where there are too few tiles to fill a device. Their sums are added in order, by
// the cluster of blocks that has them or by another kernel. How a reduction is cut depends on sizes alone, so the
// order of these sums is the same on every device.
#pragma once
#include "destination.cuh"
#include "reach.cuh"
#include "reduce.cuh"
#include "scratch.h"
#include "sm90.h"

#include <algorithm>
#include <vector>

namespace mpad::kernels {

/// A number of slices, cut into parts that differ by one slice at most. There are none behind the last part.
struct EvenParts {
  unsigned count, least, longer;  // the first `longer` parts have one slice more than the least

  __host__ __device__ static EvenParts of(unsigned slices, unsigned parts) {
    return {parts, slices / parts, slices % parts};
  }
  __device__ unsigned begin(unsigned part) const { return part * least + min(part, longer); }
  __device__ unsigned size(unsigned part) const { return part >= count ? 0 : least + (part < longer ? 1 : 0); }
};

/// How the reductions of a product's tiles are cut: one of `longest` slices into `parts` parts, a shorter one into
/// that share of them, rounded up: none is longer. Their sums are added in groups of `together`, in order, and then
/// those of the groups, in order.
struct Slices {
  unsigned longest, parts, together;
  EvenParts parts_of_longest;
  FastDivision by_longest;
  bool reaches_all;  // whether every tile sums all slices
  Reach reach;       // what it sums otherwise

  /// All of a reduction for every tile.
  Slices(std::int64_t slices, std::int64_t parts_of_it) : Slices(slices, parts_of_it, true, Reach()) {}
  /// What tiles reach of it.
  Slices(const Reach& reach_of_tiles, std::int64_t slices_of_longest, std::int64_t parts_of_it)
      : Slices(slices_of_longest, parts_of_it, false, reach_of_tiles) {}

  static constexpr unsigned most_together = 8;  // blocks of a cluster on every device that has them
  static bool allows(std::int64_t parts) { return parts <= most_together || parts % most_together == 0; }
  /// Slices of a reduction of which tiles may reach part: cut() counts in 32 bits.
  static constexpr std::int64_t most_reached = 1 << 20;

  /// Of the tile that begins at this row and column.
  __device__ TileSlices of_tile(unsigned row, unsigned rows, unsigned column, unsigned columns) const {
    if (reaches_all) return {0, longest, longest, longest};
    return reach.of(row, rows, column, columns);
  }
  /// The parts of so many slices, no more than the longest.
  __host__ __device__ EvenParts cut(unsigned slices) const {
    if (slices == longest) return parts_of_longest;
    const unsigned needed = by_longest.quotient(slices * parts + longest - 1);
    return EvenParts::of(slices, needed == 0 ? 1 : needed);
  }

 private:
  Slices(std::int64_t slices, std::int64_t parts_of_it, bool all, const Reach& reach_of_tiles)
      : longest(static_cast<unsigned>(slices)),
        parts(static_cast<unsigned>(parts_of_it)),
        together(std::min(parts, most_together)),
        parts_of_longest(EvenParts::of(longest, parts)),
        by_longest(std::max<std::int64_t>(slices, 1)),
        reaches_all(all),
        reach(reach_of_tiles) {}
};

template <class A, int run>
__device__ inline void add_run(Pack<A, run>& sums, const Pack<A, run>& others) {
#pragma unroll
  for (int e = 0; e < run; ++e) sums.element[e] += others.element[e];
}

/// Sums that are to be added of one element of a product, `together` of them in a row first.
struct SumsOfParts {
  unsigned count, together;

  /// Where each cluster has left the sum of its parts.
  __device__ SumsOfParts(const Slices& slices, std::int64_t row, int column, unsigned cluster)
      : count(ceil_div(parts_of(slices, static_cast<unsigned>(row), static_cast<unsigned>(column)), cluster)),
        together(slices.together / cluster) {}

  __device__ unsigned groups() const { return ceil_div(count, together); }
  __device__ unsigned begin(unsigned group) const { return group * together; }
  __device__ unsigned end(unsigned group) const { return min(begin(group) + together, count); }

 private:
  __device__ static unsigned parts_of(const Slices& slices, unsigned row, unsigned column) {
    return slices.cut(slices.of_tile(row, 1, column, 1).count).count;
  }
};
inline constexpr int most_groups = 64;

/// y = the sum of the parts, finished, where there are several. A thread has `run` adjacent elements, of one row.
template <class T, int run>
__global__ void __launch_bounds__(256) sum_parts(const Destination<T> destination, const Slices slices) {
  follow_kernels_before();
  using Sums = Pack<acc_t<T>, run>;
  const std::int64_t count = destination.m * destination.n;
  const std::int64_t first = (static_cast<std::int64_t>(blockIdx.x) * 256 + threadIdx.x) * run;
  if (first >= count) return;
  const int column = static_cast<int>(first % destination.n);
  const SumsOfParts parts(slices, first / destination.n, column, destination.cluster);
  if (parts.count == 1) return;  // stored by the block that has it
  const auto load_part = [&](std::int64_t part) { return load<run>(destination.partial + part * count + first); };
  const auto sum_group = [&](unsigned group) {
    Sums sum = load_part(parts.begin(group));
    use_in_order(parts.begin(group) + 1, parts.end(group), 1, load_part, [&](const Sums& part) { add_run(sum, part); });
    return sum;
  };
  Sums sum = sum_group(0);
  for (unsigned group = 1; group < parts.groups(); ++group) add_run(sum, sum_group(group));
  store(destination.place(first), destination.finish(sum, column, destination.n));
}

/// The same for few elements of many parts: a block has 32 elements, and each of its warps every eighth group.
template <class T>
__global__ void __launch_bounds__(256) sum_many_parts(const Destination<T> destination, const Slices slices) {
  follow_kernels_before();
  using A = acc_t<T>;
  constexpr unsigned warps = 8;
  MPAD_SHARED(A, shared, [most_groups][32]);
  const unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const std::int64_t count = destination.m * destination.n, i = std::int64_t{blockIdx.x} * 32 + lane;
  const std::int64_t element = min(i, count - 1);
  const int column = static_cast<int>(element % destination.n);
  const SumsOfParts parts(slices, element / destination.n, column, destination.cluster);
  const bool has_parts = i < count && parts.count > 1;
  if (has_parts)
    for (unsigned group = warp; group < parts.groups(); group += warps) {
      const auto load_part = [&](std::int64_t part) { return destination.partial[part * count + i]; };
      A sum = load_part(parts.begin(group));
      use_in_order(parts.begin(group) + 1, parts.end(group), 1, load_part, [&](A part) { sum += part; });
      shared[group][lane] = sum;
    }
  __syncthreads();
  if (warp > 0 || !has_parts) return;
  A sum = shared[0][lane];
  for (unsigned group = 1; group < parts.groups(); ++group) sum += shared[group][lane];
  store(destination.place(i), destination.finish(Pack<A, 1>{{sum}}, column, destination.n));
}

/// Tiles that reach so many slices.
struct TileCount {
  std::int64_t slices, tiles;
};

/// Blocks that a large device has at work.
inline constexpr std::int64_t blocks_at_work = 256;

/// What the products of tiles take, in the time that a block takes for a slice: of the blocks behind each other, of
/// which the last may be the longest, and of the sum of the parts.
struct Cost {
  std::int64_t blocks = 0, time;

  Cost(const Slices& slices, const std::vector<TileCount>& counts) {
    std::int64_t all = 0;
    for (const TileCount& count : counts) {
      blocks += count.tiles * std::int64_t{slices.cut(static_cast<unsigned>(count.slices)).count};
      all += count.tiles * count.slices;
    }
    const std::int64_t rounds = ceil_div(blocks, blocks_at_work), last = ceil_div(slices.longest, slices.parts);
    time = blocks == 0 ? 0 : (rounds - 1) * ceil_div(all, blocks) + last;
    if (slices.parts > 1) time += 3 + blocks / 64;
  }
};

/// Cuts the reductions of tiles into parts of at least `least` slices, so that the last of the blocks that wait for
/// others leave few idle: slices_of(slices of the longest, parts of it) says how. Depends on sizes alone.
template <class SlicesOf>
Slices cut_reductions(const std::vector<TileCount>& counts, std::int64_t least, const SlicesOf& slices_of) {
  std::int64_t longest = 0, tiles = 0;
  for (const TileCount& count : counts) {
    longest = std::max(longest, count.slices);
    tiles += count.tiles;
  }
  Slices best = slices_of(longest, 1);
  std::int64_t best_time = Cost(best, counts).time;
  static_assert(2 * blocks_at_work <= std::int64_t{Slices::most_together} * most_groups);
  const std::int64_t most = std::min(longest / least, 2 * blocks_at_work);  // there may be no tile
  for (std::int64_t parts = 2; parts <= most; ++parts) {
    const Slices slices = slices_of(longest, parts);
    const Cost cost(slices, counts);
    // There is memory for as many parts of every tile.
    if (cost.blocks > 2 * blocks_at_work || tiles * parts > 8 * blocks_at_work) break;
    if (!Slices::allows(parts) || cost.time >= best_time) continue;
    best = slices;
    best_time = cost.time;
  }
  return best;
}

/// The same, of so many slices for every tile.
inline Slices cut_reduction(std::int64_t tiles, std::int64_t slices, std::int64_t least) {
  return cut_reductions({{slices, tiles}}, least,
                        [](std::int64_t all, std::int64_t parts) { return Slices(all, parts); });
}

/// Calls run(destination), which sums each part, or those of each cluster where destination.cluster says so, and then
/// adds up what that leaves.
template <class T, class Run>
void in_parts(const char* op, Cuda where, Destination<T> destination, const Slices& slices, const Run& run) {
  const std::int64_t count = destination.m * destination.n;
  if (count == 0) return;
  const unsigned left = ceil_div(slices.parts, destination.cluster);
  if (left > 1) destination.partial = cuda::scratch<acc_t<T>>(where, Scratch::partial_sums, left * count);
  run(destination);
  if (left == 1) return;
  const auto sum = [&](auto kernel, std::int64_t elements_of_block) {
    launch(op, kernel, static_cast<unsigned>(ceil_div(count, elements_of_block)), 256, 0,
           static_cast<cudaStream_t>(where.stream), destination, slices);
  };
  constexpr int adjacent = full_pack<acc_t<T>>;
  if (left >= 32)
    sum(sum_many_parts<T>, 32);
  else if (destination.in_runs)
    sum(sum_parts<T, adjacent>, 256 * adjacent);
  else
    sum(sum_parts<T, 1>, 256);
}

/// With blocks that add up their parts on the chip, where that is asked for.
template <class T>
Destination<T> by_clusters(Destination<T> destination, const Slices& slices) {
  destination.cluster = cuda::uses(cuda::Sm90::clusters) ? slices.together : 1;
  return destination;
}

}  // namespace mpad::kernels
