// SPDX-License-Identifier: MIT
#pragma once

namespace mpad::cuda {

/// Whether there are products by warpgroups: on a device of compute capability 9.0, in a build for sm_90a.
bool has_groups();

/// Whether convolutions in half use them: where $MPAD_WGMMA is 1, or ask_for_groups() said so.
bool multiplies_by_groups();

/// Asks for them or not from now on; returns whether they were asked for before.
bool ask_for_groups(bool ask);

}  // namespace mpad::cuda
