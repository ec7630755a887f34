// SPDX-License-Identifier: MIT
#pragma once

namespace mpad::cuda {

/// Whether convolutions in half use the tensor cores by warpgroups: on a device of compute capability 9.0, by code for
/// sm_90a, where $MPAD_WGMMA is 1.
bool multiplies_by_groups();

}  // namespace mpad::cuda
