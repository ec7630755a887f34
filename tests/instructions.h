// SPDX-License-Identifier: MIT
// What tests of single instructions have in common.
#pragma once
#include "kernel_run.h"

#include <cuda/sm90.h>

namespace mpad::test {

/// Whether there is a device to run on; says so where it is the emulation.
inline bool has_device() {
  if (!can_use_cuda()) return false;
#ifdef MPAD_WITH_EMULATION
  WARN("only the emulation's stand-ins ran: instructions need a GPU");
#endif
  return true;
}

/// Whether there is what sm_90a has beyond others; says so where not.
inline bool has_sm90a() {
  if (!has_device()) return false;
  if (!cuda::has_sm90a()) WARN("skipped: expected a device of compute capability 9.0 and a build for sm_90a");
  return cuda::has_sm90a();
}

/// Integers from -8 to 8: products of 16 of them and their sums are exact in half and float.
inline Tensor small_integers(const Shape& shape, DType dtype, std::uint64_t seed) {
  return random_integers(shape, dtype, seed, 17, -8);
}

}  // namespace mpad::test
