// SPDX-License-Identifier: MIT
#include <mpad/study/zones.h>

#include <cmath>
#include <limits>
#include <map>

namespace mpad {
namespace {

constexpr double no_threshold = std::numeric_limits<double>::quiet_NaN();

// What each draw adds to a share, by a function of a pair.
template <class F>
Share share_by(const std::vector<ZonePair>& pairs, F&& tally) {
  std::map<std::int64_t, Tally> draws;
  for (const ZonePair& pair : pairs) {
    const Tally added = tally(pair);
    Tally& draw = draws[pair.index.draw];
    draw.hits += added.hits;
    draw.count += added.count;
  }
  std::vector<Tally> tallies;
  for (const auto& [draw, sum] : draws) tallies.push_back(sum);
  return share_of(tallies);
}

Tally tied_windows(const ZonePair& pair) {
  const LayerTies all = total(pair.ties);
  return {all.positive_ties, all.zero_ties + all.positive_ties};
}

}  // namespace

std::vector<ZonePair> compare_pairs(const ZoneCell& cell, std::int64_t draw, const ModelFactory& make_model,
                                    const Dataset& dataset) {
  std::vector<ZonePair> pairs;
  visit_draw(cell.plan, draw, make_model, dataset, [&](const PairIndex& index, RecordedLoss& loss) {
    Choices second = cell.second.choices;
    if (cell.reordered) second.summation_order = seed_of(cell.plan, index);
    pairs.push_back({index, compare(loss, cell.first.choices, second, cell.norm), loss.ties()});
  });
  return pairs;
}

std::vector<ZoneShare> shares_of(const std::vector<ZonePair>& pairs, const std::vector<double>& thresholds) {
  std::vector<ZoneShare> shares;
  for (double threshold : thresholds)
    shares.push_back({"zone", threshold, share_by(pairs, [&](const ZonePair& pair) {
                        return Tally{pair.comparison.difference > threshold, 1};
                      })});
  for (Zone zone : {Zone::bifurcation, Zone::compensation, Zone::none, Zone::nonfinite})
    shares.push_back({to_string(zone), no_threshold, share_by(pairs, [&](const ZonePair& pair) {
                        return Tally{pair.comparison.zone == zone, 1};
                      })});
  const Share ties = share_by(pairs, tied_windows);
  if (std::isfinite(ties.share)) shares.push_back({"positive_ties", no_threshold, ties});
  return shares;
}

}  // namespace mpad
