// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/data/dataset.h>
#include <mpad/nn/module.h>
#include <mpad/random.h>

#include <memory>

namespace mpad {

/// What a forward pass leaves behind: the mean loss, and how many images were classified correctly (i32); of one
/// element each. The host reads both when the backward pass is queued too, and so waits for the device once.
struct Forward {
  Tensor loss, correct;
};

/// The mean cross-entropy, in the dtype of the logits or in float.
Tensor loss_of(const Tensor& logits, const Tensor& labels, bool float_loss);

/// Forward and backward of a training step: leaves the gradient of the mean loss times `scale` in the model's
/// parameters; layers draw from `draw`.
Forward compute_gradients(Module& model, const Batch& batch, bool float_loss, double scale, const Rng& draw);
/// The same with a scale (double, one element) and what to draw from (key_of() in random.h) in memory of the model's
/// device, which are read when gradients are computed.
Forward compute_gradients(Module& model, const Batch& batch, bool float_loss, const Tensor& scale, const Tensor& draw);

/// The same, as a graph of mini-batches of the first one's size (step_graph.h); others run as they are.
class GradientStep {
 public:
  /// With `graph`, mini-batches on CUDA are computed as a graph, by one thread.
  GradientStep(Module& model, bool float_loss, bool graph);
  ~GradientStep();
  GradientStep(GradientStep&&) noexcept;
  GradientStep& operator=(GradientStep&&) noexcept;

  /// What it returns holds until the next call.
  Forward operator()(const Batch& batch, double scale, const Rng& draw);
  /// Gives back the memory of what was recorded.
  void forget();

 private:
  struct Recorded;

  Module* model_;
  bool float_loss_, graph_;
  std::unique_ptr<Recorded> recorded_{};
};

}  // namespace mpad
