// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/ops.h>
#include <mpad/train/collapse.h>
#include <mpad/train/largest_batch.h>
#include <mpad/train/trainer.h>
#include <mpad/train/weights.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <mutex>
#include <utility>

namespace mpad {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// Streams of the image order and of what layers draw in training, away from those that layers number from 0.
constexpr std::uint64_t shuffling = ~std::uint64_t{0}, drawing = shuffling - 1;

// Sums over mini-batches, in double whatever the network computes in.
class Mean {
 public:
  void add(double loss, const Tensor& correct, std::int64_t images) {
    loss_ += loss * static_cast<double>(images);
    correct_ += static_cast<std::int64_t>(correct.item());
    images_ += images;
  }
  Score score() const {
    return {loss_ / static_cast<double>(images_), static_cast<double>(correct_) / static_cast<double>(images_)};
  }

 private:
  double loss_ = 0;
  std::int64_t correct_ = 0, images_ = 0;
};

std::unique_ptr<Module> seeded_model(const Settings& s, std::uint64_t seed, const ModelFactory& make_model) {
  set_seed(seed);
  std::unique_ptr<Module> model = make_model(s);
  model->to(s.mixed ? DType::f32 : s.dtype);
  if (!s.weights.empty()) load_weights(*model, s.weights);
  model->to(s.device);
  return model;
}

std::unique_ptr<Optimizer> make_optimizer(const Settings& s, Module& model) {
  if (s.optimizer == OptimizerKind::sgd)
    return std::make_unique<Sgd>(model, SgdOptions{s.lr, s.momentum, s.weight_decay, s.nesterov, s.mixed});
  const bool half_moments = s.dtype == DType::f16 && !s.mixed;
  return std::make_unique<Adam>(model, AdamOptions{.lr = s.lr,
                                                   .epsilon = s.epsilon > 0  ? s.epsilon
                                                              : half_moments ? 1e-4
                                                                             : 1e-8,
                                                   .weight_decay = s.weight_decay,
                                                   .decoupled = s.optimizer == OptimizerKind::adamw,
                                                   .float_masters = s.mixed});
}

// The data set as the network of these settings takes it.
Dataset prepared(const Settings& s, Dataset dataset) {
  dataset.dtype = s.dtype;
  return dataset.to(s.device);
}

std::uint64_t seed_of(const Settings& s, std::int64_t run) { return s.seed + static_cast<std::uint64_t>(run); }

}  // namespace

ModelFactory one_at_a_time(ModelFactory make_model) {
  return [make = std::move(make_model), mutex = std::make_shared<std::mutex>()](const Settings& settings) {
    const std::lock_guard lock(*mutex);
    return make(settings);
  };
}

Trainer::Trainer(const Settings& settings, std::int64_t run, const ModelFactory& make_model, const Split& data)
    : settings_(settings),
      run_(run),
      train_(prepared(settings, data.train)),
      test_(prepared(settings, data.test)),
      model_(seeded_model(settings, seed_of(settings, run), make_model)),
      optimizer_(make_optimizer(settings, *model_)),
      compute_gradients_(*model_, settings.mixed, settings.graph),
      steps_per_epoch_(train_.batches(settings.batch_size).size()),
      schedule_(make_schedule(settings, steps_per_epoch_)) {}

const EpochResult& Trainer::run_epoch(const AfterStep& after_step) {
  require(!finished(), "trainer: expected an epoch below {}, got {}", settings_.epochs, results_.size());
  const auto start = Clock::now();
  EpochResult result{.run = run_, .epoch = static_cast<std::int64_t>(results_.size())};
  train_epoch(result, after_step);
  result.train_seconds = seconds_since(start);
  result.test = evaluate(*model_, test_, settings_.batch_size, settings_.mixed);
  result.seconds = seconds_since(start);
  results_.push_back(result);
  return results_.back();
}

void Trainer::train_epoch(EpochResult& result, const AfterStep& after_step) {
  try {
    train_batches(result, after_step);
  } catch (const OutOfMemory& error) {
    const std::int64_t tried = std::min(settings_.batch_size, train_.size());
    compute_gradients_.forget();
    const std::int64_t most = largest_batch(*model_, train_, tried, [this](const Batch& batch) {
      const Forward forward = compute_gradients_.compute(batch, scale(), Rng(0));
      Mean().add(forward.loss.item(), forward.correct, batch.labels.numel());
    });
    throw OutOfMemory(fmt::format("{}; {} would fit", error.what(),
                                  most > 0 ? fmt::format("a batch of {}", most) : "not even a batch of 1"));
  }
}

void Trainer::train_batches(EpochResult& result, const AfterStep& after_step) {
  // Streams for each epoch: what a resumed epoch draws depends on its number, not on what was drawn before.
  const Rng run_rng(seed_of(settings_, run_)), draws = run_rng.split(drawing).split(results_.size());
  Rng order = run_rng.split(shuffling).split(results_.size());
  // Of the run; those that mixed precision skips count too.
  const std::int64_t steps_before = result.epoch * steps_per_epoch_;
  std::int64_t step_of_epoch = 0;
  model_->train();
  Mean mean;
  for (const Batch& batch : train_.batches(settings_.batch_size, order)) {
    optimizer_->set_lr(settings_.lr * schedule_.factor(steps_before + step_of_epoch));
    const Rng draw = draws.split(static_cast<std::uint64_t>(step_of_epoch++));
    const Forward forward = compute_gradients_(batch, scale(), draw);
    const double loss = forward.loss.item();
    mean.add(loss, forward.correct, batch.labels.numel());
    if (!std::isfinite(loss)) {
      const RandomScope random(draw);
      result.collapsed =
          fmt::format("step {} at {}", steps_before + step_of_epoch, first_nonfinite(*model_, batch.images));
    }
    step();
    result.images += batch.labels.numel();
    if (after_step) after_step(batch.labels.numel());
    if (!result.collapsed.empty()) break;
  }
  result.train = mean.score();
}

void Trainer::step() { settings_.mixed ? scaler_.step(*optimizer_) : optimizer_->step(); }

void Trainer::resume(std::vector<EpochResult> results, std::int64_t steps, const LossScaler& scaler) {
  const auto epochs = static_cast<std::int64_t>(results.size());
  require(epochs <= settings_.epochs, "trainer: expected results of at most {} epochs, got {}", settings_.epochs,
          epochs);
  for (std::int64_t epoch = 0; epoch < epochs; ++epoch) {
    const EpochResult& result = results[static_cast<std::size_t>(epoch)];
    require(result.run == run_ && result.epoch == epoch, "trainer: expected epoch {} of run {}, got epoch {} of run {}",
            epoch, run_, result.epoch, result.run);
  }
  const bool may_be_fewer = settings_.mixed || (epochs > 0 && !results.back().collapsed.empty());
  const std::int64_t most = epochs * steps_per_epoch_;
  require(steps == most || (may_be_fewer && steps >= 0 && steps < most),
          "trainer: expected {}{} steps after {} epochs, got {}", may_be_fewer ? "at most " : "", most, epochs, steps);
  results_ = std::move(results);
  optimizer_->set_steps(steps);
  scaler_ = scaler;
}

Score evaluate(Module& model, const Dataset& dataset, std::int64_t batch_size, bool float_loss) {
  model.train(false);
  Mean mean;
  for (const auto& [images, labels] : dataset.batches(batch_size)) {
    const Tensor logits = model(images);
    const Tensor loss = loss_of(logits, labels, float_loss), correct = correct_rows(logits, labels);
    mean.add(loss.item(), correct, labels.numel());
  }
  return mean.score();
}

}  // namespace mpad
