// SPDX-License-Identifier: MIT
// Streams and events. Work runs when it is queued or, with deferred streams, when the host waits for it: then only what
// it waits for and what that depends on, so that work which should wait for another stream's and does not runs first.
#pragma once
#include <driver_types.h>

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace mpad::emulation {

using Work = std::function<cudaError_t()>;

/// Work queued on a stream, with work of other streams that comes before it.
struct Task {
  CUstream_st* stream = nullptr;
  Work work;
  std::vector<std::shared_ptr<Task>> after;
  bool done = false;
};

/// Queues work on a stream. The code is the work's own where it runs at once; else the next wait returns it. A stream
/// that is captured records the work instead.
cudaError_t enqueue_work(cudaStream_t stream, Work work);
/// Runs everything queued on the stream.
cudaError_t synchronize(cudaStream_t stream);
/// Runs everything queued on any stream. Those that are captured have nothing queued.
cudaError_t synchronize_device();
/// The stream; null is the default one.
CUstream_st& stream_of(cudaStream_t stream);
/// Whether the stream is captured; its capture is invalid then, for what asks does what no capture may.
bool breaks_capture(cudaStream_t stream);
/// Held by every call of the runtime.
std::recursive_mutex& runtime_mutex();

}  // namespace mpad::emulation

/// What a stream was asked to do while it was captured.
struct CUgraph_st {
  std::vector<mpad::emulation::Work> works;
  bool valid = true;
};

struct CUstream_st {
  bool with_default_stream = true;  // waits for the default stream and is waited for by it
  std::deque<std::shared_ptr<mpad::emulation::Task>> queue;
  std::unique_ptr<CUgraph_st> capture;  // while work is recorded and not queued
};

struct CUevent_st {
  std::shared_ptr<mpad::emulation::Task> record;
  std::chrono::steady_clock::time_point time;
};
