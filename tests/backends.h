// SPDX-License-Identifier: MIT
// Every place where this build can run a kernel on this machine.
#pragma once
#include "each_isa.h"
#include "support.h"

#include <mpad/core/dispatch.h>

#include <kernels.h>

#include <cstdlib>
#include <string_view>

namespace mpad::test {

/// The devices that tensors can be on. In a build with CUDA but no device, says so once and leaves CUDA out.
inline const std::vector<Device>& devices() {
  static const std::vector<Device> found = [] {
    std::vector<Device> usable{Device::cpu};
#ifdef MPAD_WITH_CUDA
    const std::string reason = unavailable(Device::cuda);
    if (reason.empty())
      usable.push_back(Device::cuda);
    else
      WARN("skipped on CUDA: " << reason);
#endif
    return usable;
  }();
  return found;
}

/// Whether tensors can be on CUDA; says why not, for tests that need it.
inline bool can_use_cuda() {
  const std::string reason = unavailable(Device::cuda);
  if (!reason.empty()) WARN("skipped: " << reason);
  return reason.empty();
}

/// Calls f(where) for each instruction set and for CUDA; for CUDA alone with $MPAD_TEST_BACKENDS=cuda, so that further
/// runs in other thread orders do not repeat what they cannot change.
template <class F>
void on_each_backend(F&& f) {
  const char* backends = std::getenv("MPAD_TEST_BACKENDS");
  if (backends == nullptr || std::string_view(backends) != "cuda") on_each_isa(f);
#ifdef MPAD_WITH_CUDA
  if (devices().size() > 1) f(current_cuda());
#endif
}

template <Isa isa>
Device device_of(CpuWith<isa>) {
  return Device::cpu;
}
inline Device device_of(Cuda) { return Device::cuda; }

template <Isa isa>
std::string name_of(CpuWith<isa>) {
  return to_string(isa);
}
inline std::string name_of(Cuda) { return "cuda"; }

}  // namespace mpad::test
