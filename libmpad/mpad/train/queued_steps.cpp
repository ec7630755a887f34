// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/core/dispatch.h>
#include <mpad/train/gradient_step.h>
#include <mpad/train/queued_steps.h>

#include <kernels.h>

#include <algorithm>
#include <cmath>
#include <iterator>

namespace mpad {
namespace {

bool are_finite(const std::vector<double>& values) {
  return std::ranges::all_of(values, [](double value) { return std::isfinite(value); });
}

}  // namespace

std::vector<NamedTensor> changed_by_steps(Module& model, const Optimizer& optimizer) {
  std::vector<NamedTensor> tensors = state(model);
  std::ranges::copy(optimizer.state(), std::back_inserter(tensors));
  return tensors;
}

QueuedSteps::QueuedSteps(Module& model, Optimizer& optimizer, const Batches& pass, bool mixed)
    : model_(&model),
      optimizer_(&optimizer),
      pass_(pass),
      batch_(pass[0]),
      before_({}, batch_.images.device()),
      graph_(model, [this] { step(); }) {
  const Device device = batch_.images.device();
  const std::int64_t images = batch_.labels.numel(), steps = pass.order().numel() / images;
  if (mixed) scaler_.emplace(optimizer, steps);
  scale_ = scaler_ ? scaler_->scale() : Tensor::full({1}, 1, DType::f64, device);
  const auto numbers = std::ssize(numbers_at(0, 1));
  at_ = Tensor::zeros({1}, DType::i32, device);
  key_ = Tensor({2}, DType::u64, device);
  indices_ = Tensor({images}, DType::i32, device);
  numbers_ = Tensor({numbers}, DType::f64, device);
  draw_ = Tensor({2}, DType::u64, device);
  order_ = Tensor({steps * images}, DType::i32, device);
  numbers_by_step_ = Tensor({steps, numbers}, DType::f64, device);
  draws_ = Tensor({steps, 2}, DType::u64, device);
  losses_ = Tensor({steps}, mixed ? DType::f32 : batch_.images.dtype(), device);
  correct_ = Tensor({steps}, DType::i32, device);
  before_ = Snapshot(changing(), device);
}

// Of a step's row. Which step the optimizer counts is known on the device alone where some may be skipped.
std::vector<double> QueuedSteps::numbers_at(double rate, std::int64_t step) const {
  return scaler_ ? optimizer_->numbers_of_rate(rate) : optimizer_->numbers(rate, step);
}

std::vector<NamedTensor> QueuedSteps::changing() const {
  std::vector<NamedTensor> tensors = changed_by_steps(*model_, *optimizer_);
  tensors.push_back({"at", at_});
  if (scaler_) std::ranges::copy(scaler_->state(), std::back_inserter(tensors));
  return tensors;
}

void QueuedSteps::begin(const Batches& pass, const std::vector<double>& rates, const Rng& draws,
                        const LossScale& scale) {
  require(std::ssize(rates) == size(), "queued steps: expected {} rates, got {}", size(), rates.size());
  steps_before_ = optimizer_->steps();
  std::vector<double> rows;
  const Tensor keys(draws_.shape(), DType::u64);
  for (std::int64_t i = 0; i < size(); ++i) {
    std::ranges::copy(numbers_at(rates[static_cast<std::size_t>(i)], steps_before_ + i + 1), std::back_inserter(rows));
    keys.slice(2 * i, {2}).copy_from(key_of(draws.split(static_cast<std::uint64_t>(i))));
  }
  numbers_by_step_.copy_from(Tensor::from(rows, numbers_by_step_.shape(), DType::f64));
  order_.copy_from(pass.order().slice(0, order_.shape()));
  draws_.copy_from(keys);
  key_.copy_from(pass.key());
  if (scaler_) scaler_->begin(scale);
  at_.fill(0);
  taken_ = 0;
}

QueuedSteps::Results QueuedSteps::take(std::int64_t count) {
  require(count > 0 && count <= size() - taken_, "queued steps: expected 1 to {} steps, got {}", size() - taken_,
          count);
  before_.take();
  for (std::int64_t i = 0; i < count; ++i) graph_();
  Results results{losses_.slice(taken_, {count}).values(), correct_.slice(taken_, {count}).values()};
  if (scaler_) results.scale = scaler_->value();
  // A scale that has fallen so far does not rise again within a pass.
  if (!are_finite(results.losses) && !(scaler_ && results.scale.may_fall())) {
    before_.restore();
    return {};
  }
  taken_ += count;
  optimizer_->set_steps(steps_before_ + (scaler_ ? scaler_->taken() : taken_));
  return results;
}

void QueuedSteps::step() {
  on(at_.device(), [this](auto where) {
    kernels::read_rows(where, at_.view(),
                       {{{order_.view(), indices_.view()},
                         {numbers_by_step_.view(), numbers_.view()},
                         {draws_.view(), draw_.view()}}});
  });
  pass_.gather(indices_, key_, batch_);
  const Forward forward = compute_and_update();
  on(at_.device(), [&](auto where) {
    kernels::write_rows(where, at_.view(),
                        {{{losses_.view(), forward.loss.view()}, {correct_.view(), forward.correct.view()}}});
  });
}

Forward QueuedSteps::compute_and_update() {
  const Forward forward = compute_gradients(*model_, batch_, scaler_.has_value(), scale_, draw_);
  scaler_ ? scaler_->step(numbers_) : optimizer_->step_by(numbers_);
  return forward;
}

}  // namespace mpad
