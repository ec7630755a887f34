// SPDX-License-Identifier: MIT
// Convolutions whose pixels go place by place, so that tiles leave out what none of their pixels reaches (reach.cuh).
// On small maps with padding that is much: with 3x3 taps 5/9 of 2x2 pixels, 31 % of 4x4, 16 % of 8x8.
#pragma once
#include "implicit_gemm.cuh"

#include <algorithm>
#include <numeric>
#include <optional>
#include <vector>

namespace mpad::kernels {

/// An axis of patches whose outputs are the reduction's, and taps the result's.
inline ReachAxis reach_outputs(const GridAxis& outputs, int taps, int step) {
  return {outputs.from, outputs.start, outputs.scale, outputs.to, step, taps};
}
/// An axis of patches whose taps are the reduction's, and outputs the result's.
inline ReachAxis reach_taps(const GridAxis& outputs, int taps, int step) {
  return {outputs.from, outputs.start, step, taps, outputs.scale, outputs.to};
}

/// How many numbers of the reduction each one of the result reaches.
inline std::vector<std::int64_t> sizes_reached(const ReachAxis& axis) {
  std::vector<std::int64_t> sizes;
  for (int i = 0; i < axis.result_count; ++i) {
    const Range range = axis.reached(i, i);
    sizes.push_back(range.end - range.first);
  }
  return sizes;
}

/// Tiles by how much they reach; `others` of them lie beside each other along the other side.
inline std::vector<TileCount> count_tiles(const Reach& reach, std::int64_t others) {
  std::vector<TileCount> counts;
  const auto add = [&](std::int64_t slices, std::int64_t tiles) {
    auto same = std::find_if(counts.begin(), counts.end(), [&](const TileCount& c) { return c.slices == slices; });
    if (same == counts.end()) same = counts.insert(same, {slices, 0});
    same->tiles += tiles * others;
  };
  const std::int64_t at_place = reach.by_inner_of_result.divisor();
  if (at_place % reach.granule == 0) {  // each tile lies at one
    const std::vector<std::int64_t> right = sizes_reached(reach.w);
    for (const std::int64_t down : sizes_reached(reach.h))
      for (const std::int64_t across : right) add(down * across * reach.inner, at_place / reach.granule);
  } else {
    for (std::int64_t first = 0; first < reach.extent; first += reach.granule)
      add(reach.along(static_cast<unsigned>(first), reach.granule).count, 1);
  }
  return counts;
}

/// Whether enough pairs of an output and a tap do not meet in the image, and there are few enough to count tiles at
/// each launch. What gains less than an eighth there gains little by time.
inline bool may_gain(const Reach& reach) {
  constexpr std::int64_t most_pairs = 1 << 16;
  const auto all = [](const ReachAxis& axis) { return std::int64_t{axis.count} * axis.result_count; };
  const auto met = [](const ReachAxis& axis) {
    const std::vector<std::int64_t> sizes = sizes_reached(axis);
    return std::accumulate(sizes.begin(), sizes.end(), std::int64_t{0});
  };
  const std::int64_t down = all(reach.h), right = all(reach.w);
  return down <= most_pairs && right <= most_pairs && down * right <= most_pairs &&
         8 * met(reach.h) * met(reach.w) <= 7 * down * right;
}

/// The slices of a product whose tiles sum only what they reach, if that takes less time than to sum all. `others` of
/// its tiles lie beside each other along the other side. By a sixteenth where something is lost: what follows a
/// convolution in one part is a pass of its own then, and a weight gradient's loop is a little longer.
inline std::optional<Slices> slices_reached(const Reach& reach, std::int64_t others, const Slices& all,
                                            std::int64_t least) {
  if (all.longest > Slices::most_reached || !may_gain(reach)) return std::nullopt;
  const std::vector<TileCount> counts = count_tiles(reach, others);
  std::int64_t tiles = 0;
  for (const TileCount& count : counts) tiles += count.tiles;
  const Slices reached = cut_reductions(
      counts, least, [&](std::int64_t longest, std::int64_t parts) { return Slices(reach, longest, parts); });
  const std::int64_t now = Cost(reached, counts).time, before = Cost(all, {{all.longest, tiles}}).time;
  const bool loses = all.parts == 1 || !reach.of_rows;
  if (loses ? 16 * now > 15 * before : now >= before) return std::nullopt;
  return reached;
}

/// How a convolution's product is cut, which goes place by place where that is a gain.
template <class T>
struct PlacedCut : Cut<T> {
  using Cut<T>::Cut;
  bool by_place = false;

  /// Whether what follows a convolution is done as its sums are stored.
  bool takes_along() const { return !by_place && this->slices.parts == 1; }

  void go_by_place_if_a_gain(const Reach& reach, std::int64_t others) {
    const auto reached = slices_reached(reach, others, this->slices, this->least_slices);
    if (!reached) return;
    this->slices = *reached;
    by_place = true;
  }
};

/// The product of patches by a matrix of n columns: its rows may go place by place.
template <class T>
PlacedCut<T> cut_patches(const Patches<T>& p, int n) {
  PlacedCut<T> cut(p.rows, n, p.columns);
  const auto channels = static_cast<unsigned>(p.channels);
  if (p.rows == 0 || p.columns == 0 || n == 0 || channels % slice_depth<T> != 0) return cut;
  const Reach reach(reach_taps(p.grid.h, p.taps_h, p.step_h), reach_taps(p.grid.w, p.taps_w, p.step_w),
                    channels / slice_depth<T>, p.images, p.rows, static_cast<unsigned>(cut.tile_m), true);
  cut.go_by_place_if_a_gain(reach, ceil_div(n, cut.tile_n));
  return cut;
}

/// The product of a gradient, k columns of pixels, by patches: its reduction may go place by place.
template <class T>
PlacedCut<T> cut_weight_gradient(int k, const Patches<T>& p) {
  PlacedCut<T> cut(k, static_cast<int>(p.columns), p.rows);
  if (p.rows == 0 || p.columns == 0 || k == 0 || p.images % slice_depth<T> != 0) return cut;
  const Reach reach(reach_outputs(p.grid.h, p.taps_h, p.step_h), reach_outputs(p.grid.w, p.taps_w, p.step_w),
                    p.images / slice_depth<T>, static_cast<unsigned>(p.channels), p.columns,
                    static_cast<unsigned>(cut.tile_n), false);
  cut.go_by_place_if_a_gain(reach, ceil_div(k, cut.tile_m));
  return cut;
}

}  // namespace mpad::kernels
