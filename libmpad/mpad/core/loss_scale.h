// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/core/types.h>

#include <cstdint>

namespace mpad {

/// What the loss is multiplied by so that gradients in half do not vanish (Micikevicius et al., ICLR 2018): as large as
/// they can bear, found by trying. It begins with 2^16, doubles after 2,000 steps in a row with finite gradients and
/// halves after one without, which is to be skipped; it stays within 2^-30 and 2^30.
struct LossScale {
  double scale = 65536;
  std::int64_t good_steps = 0;  ///< in a row

  static constexpr double most = 1 << 30, least = 1 / most;

  /// Whether a step that is skipped leaves a smaller scale to try.
  constexpr bool may_fall() const { return scale > least; }

  /// Behind a step; the same rule on every device.
  [[gnu::always_inline]] MPAD_HD constexpr void update(bool finite) {
    constexpr std::int64_t patience = 2000;
    good_steps = finite ? good_steps + 1 : 0;
    if (!finite) scale = scale / 2 > least ? scale / 2 : least;
    if (good_steps < patience) return;
    scale = scale * 2 < most ? scale * 2 : most;
    good_steps = 0;
  }
};

}  // namespace mpad
