// SPDX-License-Identifier: MIT
#include "graph.h"

#include "check.h"

#include <cuda_runtime_api.h>

#include <memory>
#include <utility>

namespace mpad::cuda {
namespace {

using kernels::check_cuda;

thread_local bool recording = false;

// Shared by the threads that record.
std::shared_mutex& recordings() {
  static std::shared_mutex mutex;
  return mutex;
}

struct Destroy {
  void operator()(cudaGraph_t graph) const { cudaGraphDestroy(graph); }
};
using Recorded = std::unique_ptr<CUgraph_st, Destroy>;

/// A stream records while this lives.
class Recording {
 public:
  explicit Recording(cudaStream_t stream) : stream_(stream), scope_({stream}), outer_(recording) {
    if (!outer_) lock_ = std::shared_lock(recordings());
    // Relaxed: the cache of tensors' memory may ask the device for more meanwhile.
    check_cuda("graph", cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed));
    recording = true;
  }
  ~Recording() {
    if (stream_ == nullptr) return;
    const Recorded dropped(end());
    cudaGetLastError();  // of what was recorded wrongly, which has been thrown
  }
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;

  Recorded finish() {
    Recorded graph(end());
    check_cuda("graph", code_);
    return graph;
  }

 private:
  cudaGraph_t end() {
    recording = outer_;
    cudaGraph_t graph = nullptr;
    code_ = cudaStreamEndCapture(std::exchange(stream_, nullptr), &graph);
    return graph;
  }

  std::shared_lock<std::shared_mutex> lock_{};
  cudaStream_t stream_;
  CudaScope scope_;
  bool outer_;
  cudaError_t code_ = cudaSuccess;
};

}  // namespace

Graph::Graph(Cuda where, const std::function<void()>& work) {
  Recording recorded(static_cast<cudaStream_t>(where.stream));
  work();
  const Recorded graph = recorded.finish();
  cudaGraphExec_t handle = nullptr;
  check_cuda("graph", cudaGraphInstantiateWithFlags(&handle, graph.get(), 0));
  handle_ = handle;
}

// What was launched and still runs is freed when it is done.
Graph::~Graph() { cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(handle_)); }

void Graph::launch() const {
  check_cuda("graph",
             cudaGraphLaunch(static_cast<cudaGraphExec_t>(handle_), static_cast<cudaStream_t>(current_cuda().stream)));
}

NoRecording::NoRecording() {
  if (!recording) lock_ = std::unique_lock(recordings());
}

bool is_recording() { return recording; }

}  // namespace mpad::cuda
