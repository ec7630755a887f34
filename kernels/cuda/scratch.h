// SPDX-License-Identifier: MIT
// Device memory that kernels work in.
#pragma once
#include <mpad/core/device.h>
#include <mpad/core/scratch.h>

#include <cstdint>

namespace mpad::cuda {

/// Uninitialised device memory for this thread's kernels on this stream, aligned to 256 bytes: the same block again for
/// the same purpose, a larger one where it must grow (after the stream's earlier work), so that a loop of equal calls
/// allocates nothing. Throws Error if the device has no more.
void* scratch_bytes(Cuda where, Scratch purpose, std::size_t bytes);

template <class T>
T* scratch(Cuda where, Scratch purpose, std::int64_t count) {
  return static_cast<T*>(scratch_bytes(where, purpose, static_cast<std::size_t>(count) * sizeof(T)));
}

}  // namespace mpad::cuda
