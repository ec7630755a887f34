// SPDX-License-Identifier: MIT
// How often two programs differ, and why: shares of pairs of weights and mini-batch in each zone.
#pragma once
#include <mpad/study/interval.h>
#include <mpad/study/pair_plan.h>
#include <mpad/study/program.h>

#include <string>
#include <vector>

namespace mpad {

/// One cell of the study: a network in one precision, two programs, and where to compare them.
struct ZoneCell {
  std::string network{}, dataset{};  ///< names, for the tables
  PairPlan plan{};
  Program first{}, second{};
  VectorNorm norm = VectorNorm::infinity;
  bool reordered = false;            ///< the second sums weight gradients in an order drawn for each pair
  std::vector<double> thresholds{};  ///< above which D is counted in the zone
};

struct ZonePair {
  PairIndex index{};
  Comparison comparison{};
  std::vector<LayerTies> ties{};
};

/// Compares the programs on every pair of a draw: one forward, and backward passes where they can differ.
std::vector<ZonePair> compare_pairs(const ZoneCell& cell, std::int64_t draw, const ModelFactory& make_model,
                                    const Dataset& dataset);

/// A share of pairs, or of tied windows.
struct ZoneShare {
  std::string quantity{};  ///< "zone" (D above the threshold), a Zone's name, or "positive_ties" (of tied windows)
  double threshold = 0;    ///< of "zone"; NaN for others
  Share share{};
};

/// Shares of all the quantities that there are.
std::vector<ZoneShare> shares_of(const std::vector<ZonePair>& pairs, const std::vector<double>& thresholds);

}  // namespace mpad
