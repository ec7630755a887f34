// SPDX-License-Identifier: MIT
#pragma once

namespace mpad {

/// "0.1.0": the version of the library that is linked.
const char* version();

/// Whether it was built with CUDA kernels; unavailable(Device::cuda) says whether this machine can run them.
bool built_with_cuda();

}  // namespace mpad
