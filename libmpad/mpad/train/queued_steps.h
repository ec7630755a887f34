// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/data/dataset.h>
#include <mpad/optim.h>
#include <mpad/step_graph.h>
#include <mpad/train/device_loss_scaler.h>
#include <mpad/train/gradient_step.h>
#include <mpad/train/snapshot.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace mpad {

/// Parameters, buffers and the optimizer's state.
std::vector<NamedTensor> changed_by_steps(Module& model, const Optimizer& optimizer);

/// Whole training steps on images in memory, each one graph (step_graph.h). A step reads in tables, at a place that the
/// device counts, which images it takes, its numbers of the optimizer and what its layers draw from; it gathers and
/// augments the images, computes forward, backward and update, and writes its loss and its hits into tables. In mixed
/// precision the device also decides which steps are skipped, and keeps the loss's scale. So the host queues one launch
/// for each step and waits once for many. The bits are those of steps one by one.
class QueuedSteps {
 public:
  /// Steps of a pass's mini-batches, but for a last one that is smaller; the data set is on the model's device. In
  /// mixed precision the loss is in float and has a scale.
  QueuedSteps(Module& model, Optimizer& optimizer, const Batches& pass, bool mixed = false);
  QueuedSteps(const QueuedSteps&) = delete;
  QueuedSteps& operator=(const QueuedSteps&) = delete;

  /// Of a pass.
  std::int64_t size() const { return losses_.numel(); }
  /// Of a step.
  std::int64_t images() const { return indices_.numel(); }

  /// Begins a pass over the same data set; its steps are taken at these rates, one for each, those that mixed precision
  /// skips too, the layers of step i draw from draws.split(i), and the loss's scale goes on from this.
  void begin(const Batches& pass, const std::vector<double>& rates, const Rng& draws, const LossScale& scale = {});

  struct Results {
    std::vector<double> losses{}, correct{};  ///< one for each step
    LossScale scale{};                        ///< behind the last
  };
  /// Takes the next `count` steps of the pass and waits for them; the optimizer counts those that were not skipped.
  /// Where a loss is not finite, with nothing left to try for mixed precision, there are no results and all is as
  /// before: taken one by one, the steps tell where it came from.
  Results take(std::int64_t count);

 private:
  std::vector<double> numbers_at(double rate, std::int64_t step) const;
  std::vector<NamedTensor> changing() const;
  Forward compute_and_update();
  void step();

  Module* model_;
  Optimizer* optimizer_;
  Batches pass_;  // the first: later ones differ in order and key
  Batch batch_;
  std::optional<DeviceLossScaler> scaler_{};  // none unless mixed
  Tensor at_, key_, scale_;                   // of the step that is next; what augments the pass; 1, unless mixed
  Tensor indices_, numbers_, draw_;           // of the step
  Tensor order_, numbers_by_step_, draws_, losses_, correct_;  // a row for each step
  std::int64_t taken_ = 0, steps_before_ = 0;  // of the pass, skipped or not; of the optimizer before it
  Snapshot before_;
  StepGraph graph_;
};

}  // namespace mpad
