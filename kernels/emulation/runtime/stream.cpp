// SPDX-License-Identifier: MIT
#include "stream.h"

#include "../launch.h"
#include "../settings.h"
#include "error.h"
#include "function.h"
#include "memory.h"

#include <cuda_runtime_api.h>

#include <algorithm>

namespace mpad::emulation {
namespace {

using TaskPointer = std::shared_ptr<Task>;

// All streams; the default one first.
std::vector<CUstream_st*>& streams() {
  static auto* all = new std::vector<CUstream_st*>{new CUstream_st};
  return *all;
}

// Runs a stream's tasks, oldest first, until `task` is done; returns the first code that is no success. (By value: what
// it is given may be the front of the queue.)
cudaError_t run_until(TaskPointer task) {
  cudaError_t first = cudaSuccess;
  const auto note = [&](cudaError_t code) {
    if (first == cudaSuccess) first = code;
  };
  while (!task->done) {
    const TaskPointer front = task->stream->queue.front();
    for (const TaskPointer& before : front->after) note(run_until(before));
    front->after.clear();
    task->stream->queue.pop_front();
    note(front->work());
    front->work = nullptr;
    front->done = true;
  }
  return first;
}

void add_dependency(Task& task, const CUstream_st& stream) {
  if (!stream.queue.empty()) task.after.push_back(stream.queue.back());
}

// The default stream waits for all that were not created non-blocking, and they for it.
void order_with_default_stream(Task& task) {
  CUstream_st* const default_stream = streams().front();
  if (task.stream != default_stream) {
    if (task.stream->with_default_stream) add_dependency(task, *default_stream);
    return;
  }
  for (const CUstream_st* stream : streams())
    if (stream != default_stream && stream->with_default_stream) add_dependency(task, *stream);
}

TaskPointer append(cudaStream_t stream, Work work, TaskPointer after = nullptr) {
  auto task = std::make_shared<Task>();
  task->stream = &stream_of(stream);
  task->work = std::move(work);
  if (after && !after->done) task->after.push_back(std::move(after));
  order_with_default_stream(*task);
  task->stream->queue.push_back(task);
  return task;
}

cudaError_t run_unless_deferred(const TaskPointer& task) {
  return settings().deferred_streams ? cudaSuccess : run_until(task);
}

// A poll lets the stream advance by one task, so that a loop of polls ends.
cudaError_t poll(TaskPointer task) {
  if (!task->done) run_until(task->stream->queue.front());
  return task->done ? cudaSuccess : cudaErrorNotReady;
}

}  // namespace

std::recursive_mutex& runtime_mutex() {
  static std::recursive_mutex mutex;
  return mutex;
}

CUstream_st& stream_of(cudaStream_t stream) {
  const bool is_default = stream == nullptr || stream == cudaStreamLegacy || stream == cudaStreamPerThread;
  return is_default ? *streams().front() : *stream;
}

bool breaks_capture(cudaStream_t stream) {
  const std::lock_guard lock(runtime_mutex());
  const auto& capture = stream_of(stream).capture;
  if (capture) capture->valid = false;
  return capture != nullptr;
}

cudaError_t enqueue_work(cudaStream_t stream, Work work) {
  const std::lock_guard lock(runtime_mutex());
  if (const auto& capture = stream_of(stream).capture; capture) {
    capture->works.push_back(std::move(work));
    return cudaSuccess;
  }
  return run_unless_deferred(append(stream, std::move(work)));
}

cudaError_t synchronize(cudaStream_t stream) {
  const std::lock_guard lock(runtime_mutex());
  if (breaks_capture(stream)) return keep(cudaErrorStreamCaptureUnsupported);
  const auto& queue = stream_of(stream).queue;
  return queue.empty() ? cudaSuccess : run_until(queue.back());
}

// The stream created last runs first.
cudaError_t synchronize_device() {
  const std::lock_guard lock(runtime_mutex());
  cudaError_t first = cudaSuccess;
  for (std::size_t i = streams().size(); i-- > 0;) {
    if (streams()[i]->capture) continue;
    const cudaError_t code = synchronize(streams()[i]);
    if (first == cudaSuccess) first = code;
  }
  return first;
}

cudaError_t enqueue(Launch launch, cudaStream_t stream) {
  const SharedLimit limit = shared_limit(launch.kernel);
  launch.shared_in_all = limit.in_all;
  const std::string wrong = check_configuration(launch, limit.dynamic);
  if (!wrong.empty()) return keep(cudaErrorInvalidConfiguration, wrong);
  return enqueue_work(stream, [launch = std::move(launch)] {
    const DeviceAccess access;
    const std::string diagnosis = run_grid(launch);
    return diagnosis.empty() ? cudaSuccess : keep(cudaErrorLaunchFailure, diagnosis);
  });
}

}  // namespace mpad::emulation

using namespace mpad::emulation;

extern "C" {
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  if (settings().device_status != cudaSuccess) return keep(settings().device_status);
  const std::lock_guard lock(runtime_mutex());
  *stream = new CUstream_st{.with_default_stream = flags != cudaStreamNonBlocking, .queue = {}, .capture = {}};
  streams().push_back(*stream);
  return cudaSuccess;
}

cudaError_t cudaStreamCreate(cudaStream_t* stream) { return cudaStreamCreateWithFlags(stream, cudaStreamDefault); }

cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned flags, int) {
  return cudaStreamCreateWithFlags(stream, flags);
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  const std::lock_guard lock(runtime_mutex());
  const cudaError_t code = synchronize(stream);
  std::erase(streams(), stream);
  delete stream;
  return code;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) { return synchronize(stream); }

cudaError_t cudaDeviceSynchronize() {
  const std::lock_guard lock(runtime_mutex());
  bool broken = false;
  for (CUstream_st* stream : streams())
    if (breaks_capture(stream)) broken = true;
  return broken ? keep(cudaErrorStreamCaptureUnsupported) : synchronize_device();
}

cudaError_t cudaStreamQuery(cudaStream_t stream) {
  const std::lock_guard lock(runtime_mutex());
  if (breaks_capture(stream)) return keep(cudaErrorStreamCaptureUnsupported);
  const auto& queue = stream_of(stream).queue;
  return queue.empty() ? cudaSuccess : poll(queue.back());
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  const std::lock_guard lock(runtime_mutex());
  if (breaks_capture(stream)) return keep(cudaErrorStreamCaptureUnsupported);
  return run_unless_deferred(append(
      stream, [] { return cudaSuccess; }, event->record));
}

cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t function, void* data) {
  return enqueue_work(stream, [=] {
    function(data);
    return cudaSuccess;
  });
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  *event = new CUevent_st;
  return cudaSuccess;
}

cudaError_t cudaEventCreate(cudaEvent_t* event) { return cudaEventCreateWithFlags(event, cudaEventDefault); }

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  const std::lock_guard lock(runtime_mutex());
  const cudaError_t code = cudaEventSynchronize(event);
  delete event;
  return code;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  const std::lock_guard lock(runtime_mutex());
  if (breaks_capture(stream)) return keep(cudaErrorStreamCaptureUnsupported);
  event->record = append(stream, [event] {
    event->time = std::chrono::steady_clock::now();
    return cudaSuccess;
  });
  return run_unless_deferred(event->record);
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  const std::lock_guard lock(runtime_mutex());
  return event->record ? run_until(event->record) : cudaSuccess;
}

cudaError_t cudaEventQuery(cudaEvent_t event) {
  const std::lock_guard lock(runtime_mutex());
  return event->record ? poll(event->record) : cudaSuccess;
}

cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t stop) {
  const std::lock_guard lock(runtime_mutex());
  if (!start->record || !stop->record) return keep(cudaErrorInvalidValue);
  if (!start->record->done || !stop->record->done) return cudaErrorNotReady;
  *milliseconds = std::chrono::duration<float, std::milli>(stop->time - start->time).count();
  return cudaSuccess;
}
}
