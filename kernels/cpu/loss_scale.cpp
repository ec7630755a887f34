// SPDX-License-Identifier: MIT
#include "isa.h"

#include <loss_scale.h>

namespace mpad::kernels {

template <>
void scale_step(Cpu, const ScaledStep& step, View scaler, View taken, View numbers) {
  decide(Decision(step, scaler, taken, numbers));
}

}  // namespace mpad::kernels
