// SPDX-License-Identifier: MIT
// Graphs of one stream's work: what is enqueued while the stream is captured runs when the graph is launched, each time
// in order, as one task. A capture does not spread to other streams by events, as it would on a device.
#include "error.h"
#include "stream.h"

#include <cuda_runtime_api.h>

#include <utility>

struct CUgraphExec_st {
  std::vector<mpad::emulation::Work> works;
};

using namespace mpad::emulation;

extern "C" {
cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  const std::lock_guard lock(runtime_mutex());
  CUstream_st& captured = stream_of(stream);
  // The legacy stream, which others wait for, cannot be captured.
  if (&captured == &stream_of(nullptr)) return keep(cudaErrorStreamCaptureUnsupported);
  if (captured.capture) return keep(cudaErrorInvalidValue);
  captured.capture = std::make_unique<CUgraph_st>();
  return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  const std::lock_guard lock(runtime_mutex());
  *graph = nullptr;
  const auto captured = std::exchange(stream_of(stream).capture, nullptr);
  if (!captured) return keep(cudaErrorInvalidValue);
  if (!captured->valid) return keep(cudaErrorStreamCaptureInvalidated);
  *graph = new CUgraph_st(std::move(*captured));
  return cudaSuccess;
}

cudaError_t cudaGraphInstantiateWithFlags(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long) {
  *exec = new CUgraphExec_st{graph->works};
  return cudaSuccess;
}

// The works are copied: a graph may be gone before a deferred stream runs it.
cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream) {
  return enqueue_work(stream, [works = exec->works] {
    cudaError_t first = cudaSuccess;
    for (const Work& work : works)
      if (const cudaError_t code = work(); first == cudaSuccess) first = code;
    return first;
  });
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
  delete exec;
  return cudaSuccess;
}
}
