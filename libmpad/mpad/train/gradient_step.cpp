// SPDX-License-Identifier: MIT
#include <mpad/ops.h>
#include <mpad/step_graph.h>
#include <mpad/train/gradient_step.h>

namespace mpad {

namespace {

template <class Scale>
Forward forward_and_backward(Module& model, const Batch& batch, bool float_loss, const Scale& scale) {
  Tape tape;
  const Tensor logits = model(batch.images), loss = loss_of(logits, batch.labels, float_loss);
  tape.backward(loss, scale);
  return {loss, correct_rows(logits, batch.labels)};
}

}  // namespace

Forward compute_gradients(Module& model, const Batch& batch, bool float_loss, double scale, const Rng& draw) {
  const RandomScope random(draw);
  return forward_and_backward(model, batch, float_loss, scale);
}

Forward compute_gradients(Module& model, const Batch& batch, bool float_loss, const Tensor& scale, const Tensor& draw) {
  const RandomScope random(draw);
  return forward_and_backward(model, batch, float_loss, scale);
}

/// A graph, and the tensors that it reads and writes.
struct GradientStep::Recorded {
  Recorded(Module& model, const Batch& like, bool float_loss)
      : batch{empty_like(like.images), empty_like(like.labels)},
        scale({1}, DType::f64, like.images.device()),
        draw({2}, DType::u64, like.images.device()),
        graph(model,
              [this, &model, float_loss] { forward = compute_gradients(model, batch, float_loss, scale, draw); }) {}

  Batch batch;
  Tensor scale, draw;
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
  if (!recorded_) recorded_ = std::make_unique<Recorded>(*model_, batch, float_loss_);
  recorded_->scale.fill(scale);
  recorded_->draw.copy_from(key_of(draw));
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
