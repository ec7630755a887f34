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

QueuedSteps::QueuedSteps(Module& model, Optimizer& optimizer, const Batches& pass)
    : model_(&model),
      optimizer_(&optimizer),
      pass_(pass),
      batch_(pass[0]),
      before_(changed_by_steps(model, optimizer), batch_.images.device()),
      graph_(model, [this] { step(); }) {
  const Device device = batch_.images.device();
  const auto numbers = std::ssize(optimizer.numbers(0, 1));
  const std::int64_t images = batch_.labels.numel(), steps = pass.order().numel() / images;
  at_ = Tensor::zeros({1}, DType::i32, device);
  key_ = Tensor({2}, DType::u64, device);
  indices_ = Tensor({images}, DType::i32, device);
  numbers_ = Tensor({numbers}, DType::f64, device);
  order_ = Tensor({steps * images}, DType::i32, device);
  numbers_by_step_ = Tensor({steps, numbers}, DType::f64, device);
  losses_ = Tensor({steps}, batch_.images.dtype(), device);
  correct_ = Tensor({steps}, DType::i32, device);
}

void QueuedSteps::begin(const Batches& pass, const std::vector<double>& rates) {
  require(std::ssize(rates) == size(), "queued steps: expected {} rates, got {}", size(), rates.size());
  std::vector<double> rows;
  for (std::size_t i = 0; i < rates.size(); ++i)
    std::ranges::copy(optimizer_->numbers(rates[i], optimizer_->steps() + static_cast<std::int64_t>(i) + 1),
                      std::back_inserter(rows));
  numbers_by_step_.copy_from(Tensor::from(rows, numbers_by_step_.shape(), DType::f64));
  order_.copy_from(pass.order().slice(0, order_.shape()));
  key_.copy_from(pass.key());
  at_.fill(0);
  taken_ = 0;
}

QueuedSteps::Results QueuedSteps::take(std::int64_t count) {
  require(count > 0 && count <= size() - taken_, "queued steps: expected 1 to {} steps, got {}", size() - taken_,
          count);
  before_.take();
  for (std::int64_t i = 0; i < count; ++i) graph_();
  const Results results{losses_.slice(taken_, {count}).values(), correct_.slice(taken_, {count}).values()};
  if (!are_finite(results.losses)) {
    before_.restore();
    at_.fill(static_cast<double>(taken_));
    return {};
  }
  taken_ += count;
  optimizer_->set_steps(optimizer_->steps() + count);
  return results;
}

void QueuedSteps::step() {
  on(at_.device(), [this](auto where) {
    kernels::read_rows(where, at_.view(),
                       {{{order_.view(), indices_.view()}, {numbers_by_step_.view(), numbers_.view()}}});
  });
  pass_.gather(indices_, key_, batch_);
  const Forward forward = compute_gradients(*model_, batch_, false, 1, Rng(0));
  optimizer_->step_by(numbers_);
  on(at_.device(), [&](auto where) {
    kernels::write_rows(where, at_.view(),
                        {{{losses_.view(), forward.loss.view()}, {correct_.view(), forward.correct.view()}}});
  });
}

}  // namespace mpad
