// SPDX-License-Identifier: MIT
// Device memory that kernels work in.
#pragma once
#include <mpad/core/device.h>
#include <mpad/core/scratch.h>

#include <cstdint>

namespace mpad::cuda {

/// Uninitialised device memory for this thread's kernels on this stream, aligned to 256 bytes: the same block again for
/// the same purpose, a larger one where it must grow (after the stream's earlier work), so that a loop of equal calls
/// allocates nothing. Throws OutOfMemory if the device has no more.
void* scratch_bytes(Cuda where, Scratch purpose, std::size_t bytes);

/// Gives back this thread's blocks but those that are held, after all work on the device that was queued before. Not to
/// be called by a kernel, which may be working in one.
void release_scratch();

/// From now on blocks of this stream stay where they are, even where one must grow: what was recorded works in them.
void hold_scratch(Cuda where);
/// Gives back this thread's blocks of this stream, after all work on the device that was queued before.
void drop_scratch(Cuda where) noexcept;

/// Sets what is called before a request for device memory fails, to have memory given back that is kept elsewhere. It
/// returns the bytes that stay there, because graphs work in them.
void set_reclaim(std::size_t (*reclaim)());
/// Calls it; 0 without one.
std::size_t reclaim_memory();

template <class T>
T* scratch(Cuda where, Scratch purpose, std::int64_t count) {
  return static_cast<T*>(scratch_bytes(where, purpose, static_cast<std::size_t>(count) * sizeof(T)));
}

}  // namespace mpad::cuda
