// SPDX-License-Identifier: MIT
// A CUDA device that has little memory left.
#pragma once
#include <mpad/memory.h>

#include <cuda/runtime.h>

#ifdef MPAD_WITH_EMULATION
#include <emulation/settings.h>
#endif

namespace mpad::test {

/// Leaves so many bytes of device memory while it lives. `unit` is what tests count in: a MiB, since devices hand out
/// pages of 2 MiB; a KiB where the device is emulated, which counts bytes and is slower.
class SmallDevice {
 public:
#ifdef MPAD_WITH_EMULATION
  static constexpr std::size_t unit = std::size_t{1} << 10;
  explicit SmallDevice(std::size_t bytes) {
    release_cached_memory(Device::cuda);
    emulation::settings().memory_capacity += bytes - cuda::free_memory();
  }

 private:
  emulation::SettingsScope restore_{};
#else
  static constexpr std::size_t unit = std::size_t{1} << 20;
  explicit SmallDevice(std::size_t bytes) {
    release_cached_memory(Device::cuda);
    rest_ = allocate(cuda::free_memory() - bytes, Device::cuda);
  }
  ~SmallDevice() {
    rest_.reset();
    release_cached_memory(Device::cuda);
  }
  SmallDevice(const SmallDevice&) = delete;
  SmallDevice& operator=(const SmallDevice&) = delete;

 private:
  Buffer rest_{};
#endif
};

}  // namespace mpad::test
