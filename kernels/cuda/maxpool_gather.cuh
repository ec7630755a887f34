// SPDX-License-Identifier: MIT
// The gather that every backward of a pool is: each input element sums, over the windows that hold it, in row-major
// order, what a tie functor gives it of the window's gradient. No zero fill, no atomics. What a window's elements
// share, its term, is made once: `Sum::term(rule, g, mask, inside)`, where `inside` has the taps in the image if the
// sum wants them. A `Sum` adds the terms of one element up: `sum.add(rule, term, tap, output)`. Masks of up to 32 bits
// are counted in 32, which takes half the instructions.
#pragma once
#include "maxpool_place.cuh"

#include <mpad/core/jacobian.h>

#include <type_traits>
#include <utility>

namespace mpad::kernels {

/// A window's gradient and mask, and what the rule makes of them for all elements.
template <class Prepared, class Bits>
struct PoolTerm {
  Prepared prepared;
  Bits mask;
};

/// rule.prepare(g, mask), if it has such a thing, or g: what apply_prepared takes.
template <class A, class Rule, class Bits>
__device__ inline auto prepare(const Rule& rule, A g, Bits mask) {
  if constexpr (requires { rule.prepare(g, mask); })
    return rule.prepare(g, mask);
  else
    return g;
}
/// apply_rule, of what was prepared.
template <class A, class Rule, class Prepared, class Bits>
__device__ inline A apply_prepared(const Rule& rule, const Prepared& prepared, Bits mask, int tap,
                                   std::uint64_t output) {
  if constexpr (requires { rule.choose(prepared, mask, tap); })
    return rule.choose(prepared, mask, tap);
  else
    return apply_rule(rule, prepared, mask, tap, output);
}

/// Terms and sums in A.
template <class T, class A>
struct PoolSum {
  static constexpr bool wants_inside = false;
  A value = A(0);
  template <class Rule, class Bits>
  __device__ static auto term(const Rule& rule, T g, Bits mask, Bits) {
    const auto prepared = prepare(rule, A(widen(g)), mask);
    return PoolTerm<std::decay_t<decltype(prepared)>, Bits>{prepared, mask};
  }
  template <class Rule, class Term>
  __device__ void add(const Rule& rule, const Term& term, int tap, std::uint64_t output) {
    value = value + apply_prepared<A>(rule, term.prepared, term.mask, tap, output);
  }
  template <class Rule>
  __device__ T result(const Rule&) const {
    return narrow<T>(static_cast<acc_t<T>>(value));
  }
};

/// A pack of one output's terms.
template <class T, class M, int size, class Sum, class Rule>
struct PoolOutput {
  using Bits = std::conditional_t<sizeof(M) <= 4, std::uint32_t, std::uint64_t>;
  using Term = decltype(Sum::term(std::declval<const Rule&>(), std::declval<T>(), Bits(), Bits()));
  bool exists;
  std::int64_t index;
  Term term[size];

  __device__ static PoolOutput read(const Sliding& s, const Rule& rule, const T* grad_y, const M* mask,
                                    const PoolPlace& at) {
    PoolOutput output;
    output.exists = at.h >= 0 && at.h < s.oh && at.w >= 0 && at.w < s.ow;
    output.index = ((at.n * s.oh + at.h) * s.ow + at.w) * s.c + at.c;
    if (!output.exists) return output;
    Bits inside = 0;
    if constexpr (Sum::wants_inside) inside = static_cast<Bits>(taps_inside(s, at.h, at.w));
    output.set(rule, load<size>(grad_y + output.index), load<size>(mask + output.index), inside);
    return output;
  }
  __device__ void set(const Rule& rule, const Pack<T, size>& grads, const Pack<M, size>& masks, Bits inside) {
#pragma unroll
    for (int e = 0; e < size; ++e) term[e] = Sum::term(rule, grads.element[e], Bits{masks.element[e]}, inside);
  }
  __device__ void add_to(Sum (&sum)[size], const Rule& rule, int tap) const {
#pragma unroll
    for (int e = 0; e < size; ++e) sum[e].add(rule, term[e], tap, static_cast<std::uint64_t>(index + e));
  }
};

/// The sums, stored and returned.
template <int size, class T, class Sum, class Rule>
__device__ inline Pack<T, size> store_sums(T* to, const Sum (&sum)[size], const Rule& rule) {
  Pack<T, size> values;
#pragma unroll
  for (int e = 0; e < size; ++e) values.element[e] = sum[e].result(rule);
  store(to, values);
  return values;
}

/// Under KxK windows of stride 2, K = 2 or 3, an input lies in (K-1)x(K-1) windows at most, and so do the four of a 2x2
/// block that begins at the windows' tap K-2. A thread reads these windows once and writes the block.
struct PoolBlocks {
  Pair first;  ///< windows before the first block's: its first window is this one
  Pair count;  ///< blocks along each axis
  __host__ __device__ static std::int64_t begin(std::int64_t window, std::int64_t kernel, std::int64_t pad) {
    return 2 * window + kernel - 2 - pad;
  }
  PoolBlocks(const Sliding& s, std::int64_t kernel) {
    const Pair pad = s.window.pad;
    first = {(pad.h - kernel + 2) >> 1, (pad.w - kernel + 2) >> 1};
    count = {ceil_div<std::int64_t>(s.h - begin(first.h, kernel, pad.h), 2),
             ceil_div<std::int64_t>(s.w - begin(first.w, kernel, pad.w), 2)};
  }
};

/// Blocks that share a multiprocessor's registers, which the terms of four windows with two masks each fill, and those
/// of wide masks.
template <int K, class M, class Sum>
inline constexpr int resident_pools = Sum::wants_inside && (K == 3 || sizeof(M) == 8) ? 1 : 2;

template <int K, int size, class T, class M, class Sum, class Rule>
__global__ void __launch_bounds__(pool_threads, (resident_pools<K, M, Sum>))
    pool_gather_blocks(Sliding s, PoolGrid grid, PoolBlocks blocks, Rule rule, const T* grad_y, const M* mask,
                       T* grad_x) {
  follow_kernels_before();
  constexpr int windows = K - 1;
  const std::int64_t i = grid.index();
  if (!grid.holds(i)) return;
  const PoolPlace at = grid.place(i);
  s.window = {K, 2, s.window.pad, 1};
  const std::int64_t oh = blocks.first.h + at.h, ow = blocks.first.w + at.w;
  using Output = PoolOutput<T, M, size, Sum, Rule>;
  Output output[windows * windows];
#pragma unroll
  for (int j = 0; j < windows * windows; ++j)
    output[j] = Output::read(s, rule, grad_y, mask, {at.n, oh + j / windows, ow + j % windows, at.c});
#pragma unroll
  for (int d = 0; d < 4; ++d) {
    const std::int64_t h = PoolBlocks::begin(oh, K, s.window.pad.h) + d / 2,
                       w = PoolBlocks::begin(ow, K, s.window.pad.w) + d % 2;
    Sum sum[size];
#pragma unroll
    for (int j = 0; j < windows * windows; ++j) {
      const int r = K - 2 + d / 2 - 2 * (j / windows), q = K - 2 + d % 2 - 2 * (j % windows);
      if (r >= 0 && q >= 0 && output[j].exists) output[j].add_to(sum, rule, r * K + q);
    }
    if (h >= 0 && h < s.h && w >= 0 && w < s.w)
      store_sums<size>(grad_x + ((at.n * s.h + h) * s.w + w) * s.c + at.c, sum, rule);
  }
}

/// The windows along one axis: which of them hold a position, and where in a window it is.
class PoolAxis {
 public:
  PoolAxis(std::int64_t windows, std::int64_t kernel, std::int64_t stride, std::int64_t pad, std::int64_t dilation)
      : windows_(windows),
        reach_(dilation * (kernel - 1)),
        pad_(pad),
        dilation_(dilation),
        by_stride_(stride),
        by_dilation_(dilation) {}

  __device__ std::int64_t first(std::int64_t at) const {
    const std::int64_t before = at + pad_ - reach_ - 1;  // the last position whose window ends too early
    return before < 0 ? 0 : by_stride_.quotient(before) + 1;
  }
  __device__ std::int64_t last(std::int64_t at) const { return min(by_stride_.quotient(at + pad_), windows_ - 1); }
  /// The tap that lies `distance` behind the beginning of its window, or -1.
  __device__ std::int64_t tap(std::int64_t distance) const {
    if (dilation_ == 1) return distance;
    const std::int64_t tap = by_dilation_.quotient(distance);
    return tap * dilation_ == distance ? tap : -1;
  }

 private:
  std::int64_t windows_, reach_, pad_, dilation_;
  Divisor by_stride_, by_dilation_;
};

/// Any geometry: a thread for each pack of an input.
template <int size, class T, class M, class Sum, class Rule>
__global__ void __launch_bounds__(pool_threads, (resident_pools<0, M, Sum>))
    pool_gather(Sliding s, PoolGrid grid, PoolAxis vertical, PoolAxis horizontal, Rule rule, const T* grad_y,
                const M* mask, T* grad_x) {
  follow_kernels_before();
  const std::int64_t i = grid.index();
  if (!grid.holds(i)) return;
  const PoolPlace at = grid.place(i);
  Sum sum[size];
  const std::int64_t last_row = vertical.last(at.h), last_column = horizontal.last(at.w);
  for (std::int64_t oh = vertical.first(at.h); oh <= last_row; ++oh) {
    const std::int64_t r = vertical.tap(at.h - s.row(oh, 0));
    if (r < 0) continue;
    for (std::int64_t ow = horizontal.first(at.w); ow <= last_column; ++ow) {
      const std::int64_t q = horizontal.tap(at.w - s.column(ow, 0));
      if (q < 0) continue;
      const auto output = PoolOutput<T, M, size, Sum, Rule>::read(s, rule, grad_y, mask, {at.n, oh, ow, at.c});
      output.add_to(sum, rule, static_cast<int>(r * s.window.kernel.w + q));
    }
  }
  store_sums<size>(grad_x + i * size, sum, rule);
}

}  // namespace mpad::kernels
