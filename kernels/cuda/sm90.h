// SPDX-License-Identifier: MIT
#pragma once

namespace mpad::cuda {

/// What devices of compute capability 9.0 do beyond others. Each is used where it was asked for, since no GPU has run
/// it.
enum class Sm90 {
  groups,    ///< products by warpgroups, of convolutions in half
  tma,       ///< slices for those products copied by the tensor memory accelerator
  clusters,  ///< parts of a convolution's reduction added on the chip, by a cluster of blocks
  overlap,   ///< a kernel's blocks begin while the kernel before it ends, and wait there
};

/// Whether this is such a device, and a build for sm_90a.
bool has_sm90a();

/// Whether kernels use it: where $MPAD_SM90 names it ("groups,overlap", "all"), or ask_for() said so, on such a device.
/// Throws Error if the variable names anything else.
bool uses(Sm90);

/// Asks for it or not from now on; returns whether it was asked for before.
bool ask_for(Sm90, bool ask);

}  // namespace mpad::cuda
