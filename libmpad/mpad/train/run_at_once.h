// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/core/device.h>

#include <atomic>
#include <cstdint>
#include <functional>

namespace mpad {

/// Of threads that are at work at once: whether one has failed, so that the others end too.
class Stop {
 public:
  /// To be called between two steps of a work. Where another thread has failed it throws what is no std::exception and
  /// has to reach run_at_once.
  void check() const;
  void request() { requested_ = true; }

 private:
  std::atomic<bool> requested_{false};
};

/// Calls `work` on so many threads at once and waits for all; on one, that is the calling thread. If one throws, the
/// others are told to stop, and the first exception in time is thrown here; OutOfMemory says beside how many. On CUDA
/// each thread has a stream of its own, which begins behind what is queued on the caller's; no tensor made by a thread
/// may outlive its work.
void run_at_once(std::int64_t threads, Device device, const std::function<void(const Stop& stop)>& work);

}  // namespace mpad
