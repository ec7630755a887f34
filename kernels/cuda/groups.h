// SPDX-License-Identifier: MIT
#pragma once

namespace mpad::cuda {

/// Whether there are products by warpgroups: on a device of compute capability 9.0, in a build for sm_90a.
bool has_groups();

/// Whether convolutions in half use them: where $MPAD_WGMMA is 1.
bool multiplies_by_groups();

}  // namespace mpad::cuda
