// SPDX-License-Identifier: MIT
#pragma once
#include <cstdint>

namespace mpad {

/// A learning rate as a function of the step, as a factor on the base rate.
struct Schedule {
  enum class Kind : unsigned char { constant, step, cosine };
  Kind kind = Kind::constant;
  std::int64_t total = 1;   ///< steps of the whole run
  std::int64_t warmup = 0;  ///< steps of linear warm-up from 0, before the schedule proper
  std::int64_t every = 1;   ///< step: multiply by gamma after each so many steps
  double gamma = 0.1;       ///< step: the factor

  /// The factor for step 0, 1, ..., total - 1. During warm-up (i + 1) / warmup; then constant 1; or gamma to the number
  /// of whole periods; or (1 + cos(pi t)) / 2, with t from 0 at the end of warm-up to 1 at `total`.
  double factor(std::int64_t i) const;
};

}  // namespace mpad
