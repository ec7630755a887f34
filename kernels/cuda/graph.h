// SPDX-License-Identifier: MIT
// Work of a stream, recorded once and queued as one from then on.
#pragma once
#include <mpad/core/device.h>

#include <functional>
#include <mutex>
#include <shared_mutex>

namespace mpad::cuda {

/// A CUDA graph: what a call queued on a stream, to be queued again by one launch, which takes the host as long as that
/// of one kernel. It works on the same memory with the same numbers each time, so that memory has to stay the work's
/// own (mpad/memory.h, HeldMemory).
class Graph {
 public:
  /// Calls `work` with the stream current, and records what it queues there instead of running it. Throws what `work`
  /// throws, and Error if it waits for the stream or copies between it and memory of the host. Nothing is left recorded
  /// then.
  Graph(Cuda where, const std::function<void()>& work);
  ~Graph();
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  /// Queues the work on this thread's current stream.
  void launch() const;

 private:
  void* handle_ = nullptr;  // a cudaGraphExec_t
};

/// While it lives, no other thread makes a graph: for what waits for the whole device, which no recording survives. A
/// thread that is making one itself goes on as it is.
class NoRecording {
 public:
  NoRecording();

 private:
  std::unique_lock<std::shared_mutex> lock_;
};

/// Whether this thread is making a graph. What is drawn or decided anew in each call would be the same in each launch:
/// who does so is to refuse it.
bool is_recording();

}  // namespace mpad::cuda
