// SPDX-License-Identifier: MIT
// Reductions of a product in parts, where there are too few tiles to fill a device. Their sums are added in order, by
// the cluster of blocks that has them or by another kernel. How a reduction is cut depends on sizes alone, so the
// order of these sums is the same on every device.
#pragma once
#include "destination.cuh"
#include "launch.cuh"
#include "reduce.cuh"
#include "scratch.h"
#include "sm90.h"

#include <algorithm>

namespace mpad::kernels {

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

template <class A, int run>
__device__ inline void add_run(Pack<A, run>& sums, const Pack<A, run>& others) {
#pragma unroll
  for (int e = 0; e < run; ++e) sums.element[e] += others.element[e];
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

/// With blocks that add up their parts on the chip, where that is asked for.
template <class T>
Destination<T> by_clusters(Destination<T> destination, const Slices& slices) {
  destination.cluster = cuda::uses(cuda::Sm90::clusters) ? slices.together : 1;
  return destination;
}

}  // namespace mpad::kernels
