// SPDX-License-Identifier: MIT
// Device memory that kernels work in.
#pragma once
#include <mpad/core/device.h>
#include <mpad/core/scratch.h>

#include <cstdint>
#include <string>

namespace mpad::cuda {

/// Uninitialised device memory for this thread's kernels on this stream, aligned to 256 bytes: the same block again for
/// the same purpose, a larger one where it must grow (after the stream's earlier work), so that a loop of equal calls
/// allocates nothing. With $MPAD_MEMORY=exact its bytes are 0xFF again at each request, NaN in every type, so that what
/// the last one left there is not taken for a result; not the workspace, which is cuBLAS's own, nor what graphs work
/// in. Throws OutOfMemory if the device has no more.
void* scratch_bytes(Cuda where, Scratch purpose, std::size_t bytes);

/// Gives back this thread's blocks but those that are held, after all work on the device that was queued before. Not to
/// be called by a kernel, which may be working in one.
void release_scratch();

/// From now on blocks of this stream stay where they are, even where one must grow: what was recorded works in them.
void hold_scratch(Cuda where);
/// Gives back this thread's blocks of this stream, after all work on the device that was queued before.
void drop_scratch(Cuda where) noexcept;

/// Bytes of device memory that are kept elsewhere: in use by tensors, and cached where graphs work in them.
struct KeptMemory {
  std::size_t in_use = 0, cached = 0;
};
/// Where the device's memory is: "... in use by tensors, ... cached for graphs, ... free". What every OutOfMemory of
/// CUDA says.
std::string describe_memory(const KeptMemory& kept);

/// Sets what is called before a request for device memory fails, to have memory given back that is kept elsewhere. It
/// returns what stays there.
void set_reclaim(KeptMemory (*reclaim)());
/// Calls it; nothing without one.
KeptMemory reclaim_memory();

template <class T>
T* scratch(Cuda where, Scratch purpose, std::int64_t count) {
  return static_cast<T*>(scratch_bytes(where, purpose, static_cast<std::size_t>(count) * sizeof(T)));
}

}  // namespace mpad::cuda
