// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/optim.h>

#include <algorithm>
#include <cstdint>

namespace mpad {

/// What the loss is multiplied by so that gradients in half do not vanish (Micikevicius et al., ICLR 2018): as large as
/// they can bear, found by trying. It begins with 2^16, doubles after 2,000 steps in a row with finite gradients and
/// halves after one without, which is to be skipped; it stays within 2^-30 and 2^30.
struct LossScaler {
  double scale = 65536;
  std::int64_t good_steps = 0;  ///< in a row

  void update(bool finite) {
    constexpr std::int64_t patience = 2000;
    constexpr double most = 1 << 30;
    good_steps = finite ? good_steps + 1 : 0;
    if (!finite) scale = std::max(scale / 2, 1 / most);
    if (good_steps < patience) return;
    scale = std::min(scale * 2, most);
    good_steps = 0;
  }

  /// A step by gradients of a loss that was multiplied by `scale`; none where they are not finite.
  void step(Optimizer& optimizer) {
    const bool finite = optimizer.has_finite_gradients();
    if (finite)
      optimizer.step(scale);
    else
      optimizer.skip();
    update(finite);
  }
};

}  // namespace mpad
