// SPDX-License-Identifier: MIT
#pragma once
#include "command_line.h"

#include <mpad/study/pair_plan.h>

#include <string>
#include <vector>

namespace mpad {

/// Which pairs of weights and mini-batch a program compares gradients on, and how: --bits, --init, --draws, --weights,
/// --batches, --noise and --norm.
class PairOptions {
 public:
  explicit PairOptions(VectorNorm default_norm) : norm(default_norm) {}
  void add(CommandLine& line);
  /// Throws Error on a value that is wrong.
  void finish();
  /// What the results depend on, for the run record, behind what the study's options say.
  std::vector<NamedValue> context(std::vector<NamedValue> of_study) const;

  std::vector<DType> precisions{};
  /// But for the settings of the network.
  PairPlan plan{.init = Init::volume};
  VectorNorm norm;

 private:
  std::string bits_ = "16,32,64", weights_{};
};

}  // namespace mpad
