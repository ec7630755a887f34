// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/core/loss_scale.h>
#include <mpad/optim.h>

#include <cstdint>
#include <vector>

namespace mpad {

/// A loss's scale in the memory of the device that computes: it decides there whether a step is taken, so that the host
/// need not wait and steps can be recorded (step_graph.h). The bits are those of LossScaler. A step is
///
///     tape.backward(loss, scaler.scale());
///     scaler.step(of_rate);
class DeviceLossScaler {
 public:
  /// For the optimizer's steps, of which up to `most` are taken between two calls of begin(): more are by the numbers
  /// of the last.
  DeviceLossScaler(Optimizer& optimizer, std::int64_t most);

  /// Goes on from this scale, behind the steps that the optimizer has taken.
  void begin(const LossScale& from);
  /// What to multiply the loss by: double, one element.
  const Tensor& scale() const { return scale_; }
  /// The optimizer's step by gradients of a loss that was multiplied by scale(), at a rate of which `of_rate` has
  /// Optimizer::numbers_of_rate (double, on its device); none where the gradients are not finite. Drops them. The
  /// optimizer's steps() does not count it.
  void step(const Tensor& of_rate) const;

  /// The scale as it is. Waits for the device, and so does taken().
  LossScale value() const;
  /// Steps taken since begin(), without those that were skipped.
  std::int64_t taken() const;

  /// What changes from step to step.
  std::vector<NamedTensor> state() const { return {{"scaler", scaler_}, {"taken", taken_}}; }

 private:
  Optimizer* optimizer_;
  Tensor scaler_, scale_;  // (scale, good steps), double; the first of them
  Tensor taken_;           // i32
  Tensor of_count_;        // a row for each step, as the optimizer counts
  Tensor nonfinite_;       // i32, gradients
  Tensor numbers_;         // of the step
};

}  // namespace mpad
