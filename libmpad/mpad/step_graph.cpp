// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/grad_slot.h>
#include <mpad/memory.h>
#include <mpad/step_graph.h>

#include <cuda/graph.h>
#include <cuda/runtime.h>

#include <optional>

namespace mpad {

/// A stream, whose memory is the graph's, and what was recorded on it.
struct StepGraph::Recorded {
  cuda::Stream stream{};
  HeldMemory memory{stream.where()};
  bool has_run = false;
  std::optional<cuda::Graph> graph{};
  std::vector<Tensor> gradients{};  // where the graph writes those of the parameters; empty for one that gets none
};

StepGraph::StepGraph(Module& module, std::function<void()> work) : work_(std::move(work)) {
  for (const NamedTensor& named : parameters(module)) parameters_.push_back(named.tensor);
  require(!parameters_.empty(), "step graph: expected a module with parameters, got none");
  if (parameters_.front().device() == Device::cuda) recorded_ = std::make_unique<Recorded>();
}

StepGraph::~StepGraph() = default;

void StepGraph::operator()() {
  for (const Tensor& parameter : parameters_)
    require(!parameter.grad(), "step graph: expected parameters without a gradient (a step drops them), got one of {}",
            parameter.shape());
  if (!recorded_) return work_();
  if (recorded_->graph) return replay();
  return recorded_->has_run ? record() : run_on_stream();
}

// Loads kernels, sets cuBLAS up and fills the cache of the stream, which a recording had better not.
void StepGraph::run_on_stream() {
  cuda::synchronize("step graph");
  const CudaScope scope(recorded_->stream.where());
  work_();
  cuda::synchronize("step graph");
  recorded_->has_run = true;
}

void StepGraph::record() {
  try {
    recorded_->graph.emplace(recorded_->stream.where(), work_);
  } catch (...) {
    for (const Tensor& parameter : parameters_) parameter.clear_grad();  // which nothing has computed
    throw;
  }
  for (const Tensor& parameter : parameters_) recorded_->gradients.push_back(parameter.grad());
  recorded_->graph->launch();
}

void StepGraph::replay() {
  recorded_->graph->launch();
  for (std::size_t i = 0; i < parameters_.size(); ++i) slot_of(parameters_[i])->gradient = recorded_->gradients[i];
}

}  // namespace mpad
