// SPDX-License-Identifier: MIT
// How far the gradients of two programs are apart, and where a threshold between rounding and bifurcation would be.
#pragma once
#include <mpad/study/pair_plan.h>

#include <string>
#include <vector>

namespace mpad {

/// A program that is compared with the native rule, ReLU'(0) = 0 and derivative 0 of norm pools at 0.
struct Rival {
  std::string name{};
  Choices choices{};
  bool reordered = false;         ///< sums weight gradients in an order drawn for each mini-batch
  PoolKind pool = PoolKind::max;  ///< of the network that both differentiate
};

/// "same", "same-reordered", "minimal", "relu0" (ReLU'(0) = 1) and "norm" (derivative 1 of norm pools).
std::vector<Rival> rivals();

/// D of one rival on one pair of weights and mini-batch.
struct Difference {
  DType dtype = DType::f32;
  std::string rival{};
  PairIndex index{};
  Comparison comparison{};
};

/// D of all rivals on every pair of a draw, nothing left out. Each network runs forward once on each mini-batch.
std::vector<Difference> differences(const PairPlan& plan, std::int64_t draw, const ModelFactory& make_model,
                                    const Dataset& dataset, VectorNorm norm);

/// A value of D that would tell rounding from what is more.
struct Threshold {
  DType dtype = DType::f32;
  std::string rule{};
  double tau = 0;  ///< NaN where the rule finds none
};

/// For each precision, the study's rules: "max-same", the largest D of the same program, its sums reordered or not
/// (the study's for 32 and 64 bits); and "min-positive", the least D above 0 of minimal (the study's for 16). And what
/// the replay tells of minimal without a threshold: "largest-compensation" and "smallest-bifurcation". Where the first
/// is the larger, no threshold tells the two apart.
std::vector<Threshold> thresholds_of(const std::vector<Difference>& differences);

}  // namespace mpad
