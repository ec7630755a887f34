// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/data/dataset.h>
#include <mpad/optim.h>
#include <mpad/step_graph.h>
#include <mpad/train/snapshot.h>

#include <cstdint>
#include <vector>

namespace mpad {

/// Parameters, buffers and the optimizer's state.
std::vector<NamedTensor> changed_by_steps(Module& model, const Optimizer& optimizer);

/// Whole training steps on images in memory, each one graph (step_graph.h). A step reads in tables, at a place that the
/// device counts, which images it takes and its numbers of the optimizer; it gathers and augments the images, computes
/// forward, backward and update, and writes its loss and its hits into tables. So the host queues one launch for each
/// step and waits once for many. The bits are those of steps one by one.
class QueuedSteps {
 public:
  /// Steps of a pass's mini-batches, but for a last one that is smaller; the data set is on the model's device.
  QueuedSteps(Module& model, Optimizer& optimizer, const Batches& pass);
  QueuedSteps(const QueuedSteps&) = delete;
  QueuedSteps& operator=(const QueuedSteps&) = delete;

  /// Of a pass.
  std::int64_t size() const { return losses_.numel(); }
  /// Of a step.
  std::int64_t images() const { return indices_.numel(); }

  /// Begins a pass over the same data set; its steps are taken at these rates, one for each.
  void begin(const Batches& pass, const std::vector<double>& rates);

  /// One value for each step.
  struct Results {
    std::vector<double> losses, correct;
  };
  /// Takes the next `count` steps of the pass and waits for them. Where a loss is not finite there are no results, and
  /// model and optimizer are as before: taken one by one, the steps tell where it came from.
  Results take(std::int64_t count);

 private:
  void step();

  Module* model_;
  Optimizer* optimizer_;
  Batches pass_;  // the first: later ones differ in order and key
  Batch batch_;
  Tensor at_, key_, indices_, numbers_;                // of the step that is next
  Tensor order_, numbers_by_step_, losses_, correct_;  // a row for each step
  std::int64_t taken_ = 0;                             // of the pass
  Snapshot before_;
  StepGraph graph_;
};

}  // namespace mpad
