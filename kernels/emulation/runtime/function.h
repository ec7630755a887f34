// SPDX-License-Identifier: MIT
#pragma once
#include <cstddef>

namespace mpad::emulation {

/// Bytes of shared memory that a launch of this kernel may ask for, and that its blocks may have with static arrays:
/// what cudaFuncSetAttribute allowed, beside which static arrays have room; or 48 KiB in all.
struct SharedLimit {
  std::size_t dynamic, in_all;
};
SharedLimit shared_limit(const void* kernel);

}  // namespace mpad::emulation
