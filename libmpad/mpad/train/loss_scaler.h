// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/core/loss_scale.h>
#include <mpad/optim.h>

namespace mpad {

/// A loss's scale, and steps that the host decides on; DeviceLossScaler (device_loss_scaler.h) decides on the device.
struct LossScaler : LossScale {
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
