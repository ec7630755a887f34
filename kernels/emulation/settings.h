// SPDX-License-Identifier: MIT
// What a test may change about the emulated device, between launches.
#pragma once
#include <driver_types.h>

#include <cstddef>

namespace mpad::emulation {

/// Order in which the threads of a block, and the blocks of a grid, run from one synchronisation to the next.
enum class Order : unsigned char { forward, reversed, random };

struct Settings {
  /// From $MPAD_EMULATION_ORDER (forward, reversed or random). The random order is the same in every run.
  Order order = Order::forward;
  /// OS threads that share the blocks of a grid; from $MPAD_EMULATION_WORKERS, else one for each core.
  unsigned workers = 1;
  /// Streams run only when the host synchronises, and only what it waits for; from $MPAD_EMULATION_DEFERRED=1.
  bool deferred_streams = false;
  /// Bytes of device memory.
  std::size_t memory_capacity = std::size_t{4} << 30;
  /// Shared memory of a block, in bytes, for kernels that opted in; the default is that of sm_75, the least supported.
  std::size_t shared_memory_optin = 64 * 1024;
  /// What the runtime answers where it needs a device; cudaErrorNoDevice and cudaErrorInsufficientDriver play a machine
  /// without a GPU. From $MPAD_EMULATION_DEVICE (none or old-driver).
  cudaError_t device_status = cudaSuccess;
};

/// The settings in force.
Settings& settings();

/// While on, device memory is inaccessible to the host (not to kernels, copies and cuBLAS): touching it prints a line
/// and ends the process by SIGSEGV. From $MPAD_EMULATION_HOST_CHECK=1.
void set_host_access_check(bool on);

/// Restores, at the end of a scope, the settings of its start.
class SettingsScope {
 public:
  SettingsScope() : saved_(settings()) {}
  ~SettingsScope() { settings() = saved_; }
  SettingsScope(const SettingsScope&) = delete;
  SettingsScope& operator=(const SettingsScope&) = delete;

 private:
  Settings saved_;
};

}  // namespace mpad::emulation
