// SPDX-License-Identifier: MIT
#include <mpad/ops.h>
#include <mpad/step_graph.h>
#include <mpad/train/gradient_step.h>

namespace mpad {

Forward compute_gradients(Module& model, const Batch& batch, bool float_loss, double scale, const Rng& draw) {
  const RandomScope random(draw);
  Tape tape;
  const Tensor logits = model(batch.images), loss = loss_of(logits, batch.labels, float_loss);
  tape.backward(loss, scale);
  return {loss, correct_rows(logits, batch.labels)};
}

/// A graph, and the tensors that it reads and writes.
struct GradientStep::Recorded {
  Recorded(Module& model, const Batch& like, bool float_loss, double of_scale, const Rng& draw)
      : batch{empty_like(like.images), empty_like(like.labels)},
        scale(of_scale),
        graph(model, [this, &model, float_loss, draw] {
          forward = compute_gradients(model, batch, float_loss, scale, draw);
        }) {}

  Batch batch;
  double scale;
  StepGraph graph;
  Forward forward{};  // in memory of the graph
};

GradientStep::GradientStep(Module& model, bool float_loss, bool graph)
    : model_(&model), float_loss_(float_loss), graph_(graph) {}
GradientStep::~GradientStep() = default;
GradientStep::GradientStep(GradientStep&&) noexcept = default;
GradientStep& GradientStep::operator=(GradientStep&&) noexcept = default;

Forward GradientStep::operator()(const Batch& batch, double scale, const Rng& draw) {
  const bool fits = !recorded_ || recorded_->batch.images.shape() == batch.images.shape();
  if (!graph_ || batch.images.device() != Device::cuda || !fits)
    return compute_gradients(*model_, batch, float_loss_, scale, draw);
  if (!recorded_ || recorded_->scale != scale) {
    recorded_.reset();  // first, for its memory
    recorded_ = std::make_unique<Recorded>(*model_, batch, float_loss_, scale, draw);
  }
  recorded_->batch.images.copy_from(batch.images);
  recorded_->batch.labels.copy_from(batch.labels);
  recorded_->graph();
  return recorded_->forward;
}

void GradientStep::forget() { recorded_.reset(); }

Tensor loss_of(const Tensor& logits, const Tensor& labels, bool float_loss) {
  return cross_entropy(float_loss ? cast(logits, DType::f32) : logits, labels);
}

}  // namespace mpad
