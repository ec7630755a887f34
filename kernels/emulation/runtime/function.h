// SPDX-License-Identifier: MIT
#pragma once
#include <cstddef>

namespace mpad::emulation {

/// Bytes of dynamic shared memory that a launch of this kernel may ask for: what cudaFuncSetAttribute allowed, or 48
/// KiB.
std::size_t dynamic_shared_limit(const void* kernel);

}  // namespace mpad::emulation
