// SPDX-License-Identifier: MIT
#pragma once
#include <driver_types.h>

#include <string>

namespace mpad::emulation {

/// Keeps a code for cudaGetLastError and passes it on; success leaves what is kept.
cudaError_t keep(cudaError_t code);

/// cudaErrorLaunchFailure and the like with a diagnosis, which cudaGetErrorString gives for that code from then on.
cudaError_t keep(cudaError_t code, const std::string& diagnosis);

}  // namespace mpad::emulation
