// SPDX-License-Identifier: MIT
// From a run-time device to the type that kernels take. Only this depends on what the build has kernels for, so that
// sources without it compile to the same for every build.
#pragma once
#include <mpad/core/device.h>
#include <mpad/core/error.h>

#include <backends_built.h>

namespace mpad {

/// Calls f(CpuWith<...>{}) or f(Cuda{...}): the one place where a device becomes a type.
template <class F>
decltype(auto) on(Device device, F&& f) {
  if (device == Device::cuda) {
#ifdef MPAD_WITH_CUDA
    return f(current_cuda());
#else
    throw Error("device: expected cpu (this build has no CUDA), got cuda");
#endif
  }
#ifdef MPAD_ISA_LEVELS
  switch (current_isa()) {
    case Isa::avx512: return f(CpuWith<Isa::avx512>{});
    case Isa::avx2: return f(CpuWith<Isa::avx2>{});
    case Isa::portable: break;
  }
#endif
  return f(CpuWith<Isa::portable>{});
}

}  // namespace mpad
