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

// Sums over mini-batches, in double whatever the network computes in. Linked by name, like Trainer::Pass, which has
// one.
class ScoreSums {
 public:
  void add(double loss, double correct, std::int64_t images) {
    loss_ += loss * static_cast<double>(images);
    correct_ += static_cast<std::int64_t>(correct);
    images_ += images;
  }
  Score score() const {
    return {loss_ / static_cast<double>(images_), static_cast<double>(correct_) / static_cast<double>(images_)};
  }

 private:
  double loss_ = 0;
  std::int64_t correct_ = 0, images_ = 0;
};

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// Streams of the image order and of what layers draw in training, away from those that layers number from 0.
constexpr std::uint64_t shuffling = ~std::uint64_t{0}, drawing = shuffling - 1;

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

// One image alone may have too few values of a channel for batch normalisation, which an epoch would find at its end.
bool ends_with_one_image(const Settings& s, const Dataset& train) { return (train.size() - 1) % s.batch_size == 0; }

std::uint64_t seed_of(const Settings& s, std::int64_t run) { return s.seed + static_cast<std::uint64_t>(run); }

}  // namespace

ModelFactory one_at_a_time(ModelFactory make_model) {
  return [make = std::move(make_model), mutex = std::make_shared<std::mutex>()](const Settings& settings) {
    const std::lock_guard lock(*mutex);
    return make(settings);
  };
}

void check_network(const Settings& settings, const ModelFactory& make_model, const Dataset& train) {
  const Shape shape = train.shape();
  const bool trains_on_one = ends_with_one_image(settings, train);
  const RandomScope apart{Rng(0)};
  try {
    const std::unique_ptr<Module> model = make_model(settings);
    model->train(trains_on_one);
    (*model)(Tensor::zeros({1, shape[1], shape[2], shape[3]}));
  } catch (const OutOfMemory&) {
    // A step says what would fit.
  } catch (const Error& error) {
    if (!trains_on_one) throw;
    fail("--batch-size {}: the last mini-batch is 1 of {} images: {}", settings.batch_size, train.size(), error.what());
  }
}

Trainer::Trainer(const Settings& settings, std::int64_t run, const ModelFactory& make_model, const Split& data)
    : settings_(settings),
      run_(run),
      train_(prepared(settings, data.train)),
      test_(prepared(settings, data.test)),
      model_(seeded_model(settings, seed_of(settings, run), make_model)),
      optimizer_(make_optimizer(settings, *model_)),
      gradient_step_(*model_, settings.mixed, settings.graph && !queues_steps()),
      steps_per_epoch_(train_.batches(settings.batch_size).size()),
      schedule_(make_schedule(settings, steps_per_epoch_)) {
  if (ends_with_one_image(settings, train_)) check_network(settings, make_model, train_);
}

const EpochResult& Trainer::run_epoch(const AfterStep& after_step) {
  require(!finished(), "trainer: expected an epoch below {}, got {}", settings_.epochs, results_.size());
  EpochResult result{.run = run_, .epoch = static_cast<std::int64_t>(results_.size())};
  train_and_test(result, after_step);
  results_.push_back(result);
  return results_.back();
}

void Trainer::train_and_test(EpochResult& result, const AfterStep& after_step) {
  const auto start = Clock::now();
  try {
    train_batches(result, after_step);
    result.train_seconds = seconds_since(start);
    result.test = evaluate(*model_, test_, settings_.batch_size, settings_.mixed);
    result.seconds = seconds_since(start);
  } catch (const OutOfMemory& error) {
    const std::int64_t tried = std::min(settings_.batch_size, train_.size());
    gradient_step_.forget();
    queued_.reset();
    const Snapshot kept(optimizer_->state(), Device::cpu);
    const std::int64_t steps = optimizer_->steps();
    const std::int64_t most =
        largest_batch(*model_, train_, tried, [this](const Batches& batches) { try_batch(batches); });
    kept.restore();
    optimizer_->set_steps(steps);
    throw OutOfMemory(fmt::format("{}; {} would fit", error.what(),
                                  most > 0 ? fmt::format("a batch of {}", most) : "not even a batch of 1"));
  }
}

// The memory of a step is taken before the optimizer's part; queued steps, which have it, change the optimizer's state.
void Trainer::try_batch(const Batches& batches) {
  model_->train();  // a test may have run out of memory
  if (!queues_steps()) {
    compute_gradients(*model_, batches[0], settings_.mixed, scale(), Rng(0)).loss.item();
    return;
  }
  QueuedSteps queued(*model_, *optimizer_, batches, settings_.mixed);
  queued.begin(batches, std::vector<double>(static_cast<std::size_t>(queued.size()), 0), Rng(0), scaler_);
  queued.take(std::min<std::int64_t>(2, queued.size()));  // the second is recorded
  // What a graph works in serves nothing else: neither the rest of a pass nor a test.
  if (batches.size() > queued.size())
    compute_gradients(*model_, batches[queued.size()], settings_.mixed, scale(), Rng(0)).loss.item();
  evaluate(*model_, test_.first(queued.images()), queued.images(), settings_.mixed);
}

/// Of an epoch: what its steps draw from, and their results.
struct Trainer::Pass {
  EpochResult& result;
  const AfterStep& after_step;
  Rng draws;
  std::int64_t steps_before;  // of the run; those that mixed precision skips count too
  std::int64_t steps = 0;
  ScoreSums sums{};

  void count(double loss, double correct, std::int64_t images) {
    sums.add(loss, correct, images);
    ++steps;
    result.images += images;
    if (after_step) after_step(images);
  }
};

void Trainer::train_batches(EpochResult& result, const AfterStep& after_step) {
  // Streams for each epoch: what a resumed epoch draws depends on its number, not on what was drawn before.
  const Rng run_rng(seed_of(settings_, run_));
  Rng order = run_rng.split(shuffling).split(results_.size());
  Pass pass{result, after_step, run_rng.split(drawing).split(results_.size()), result.epoch * steps_per_epoch_};
  const Batches batches = train_.batches(settings_.batch_size, order);
  model_->train();
  if (queues_steps())
    take_queued(pass, batches);
  else
    for (const Batch& batch : batches)
      if (!take(pass, batch)) break;
  result.train = pass.sums.score();
}

// Images of a source come from the host.
bool Trainer::queues_steps() const { return settings_.graph && settings_.device == Device::cuda && !train_.source; }

void Trainer::take_queued(Pass& pass, const Batches& batches) {
  constexpr std::int64_t at_once = 64;  // some milliseconds of the smallest network, a second of the largest
  if (!queued_) queued_ = std::make_unique<QueuedSteps>(*model_, *optimizer_, batches, settings_.mixed);
  std::vector<double> rates;
  for (std::int64_t i = 0; i < queued_->size(); ++i) rates.push_back(rate(pass.steps_before + i));
  queued_->begin(batches, rates, pass.draws, scaler_);
  while (pass.steps < queued_->size()) {
    const QueuedSteps::Results results = queued_->take(std::min(at_once, queued_->size() - pass.steps));
    if (results.losses.empty()) break;
    scaler_ = {results.scale};
    for (std::size_t i = 0; i < results.losses.size(); ++i)
      pass.count(results.losses[i], results.correct[i], queued_->images());
  }
  while (pass.steps < batches.size())
    if (!take(pass, batches[pass.steps])) break;
}

/// A step; returns whether its loss is finite.
bool Trainer::take(Pass& pass, const Batch& batch) {
  optimizer_->set_lr(rate(pass.steps_before + pass.steps));
  const Rng draw = pass.draws.split(static_cast<std::uint64_t>(pass.steps));
  const Forward forward = gradient_step_(batch, scale(), draw);
  const double loss = forward.loss.item(), correct = forward.correct.item();
  if (!std::isfinite(loss) && !may_recover()) {
    const RandomScope random(draw);
    pass.result.collapsed =
        fmt::format("step {} at {}", pass.steps_before + pass.steps + 1, first_nonfinite(*model_, batch.images));
  }
  step();
  pass.count(loss, correct, batch.labels.numel());
  return pass.result.collapsed.empty();
}

// A step whose loss is not finite has gradients that are not, but where a label's logit is -inf: mixed precision skips
// it, and has another scale to try.
bool Trainer::may_recover() const { return settings_.mixed && scaler_.may_fall(); }

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
  std::vector<std::pair<Forward, std::int64_t>> results;  // read at the end, so that the host waits once
  for (const auto& [images, labels] : dataset.batches(batch_size)) {
    const Tensor logits = model(images);
    results.push_back({{loss_of(logits, labels, float_loss), correct_rows(logits, labels)}, labels.numel()});
  }
  ScoreSums sums;
  for (const auto& [forward, images] : results) sums.add(forward.loss.item(), forward.correct.item(), images);
  return sums.score();
}

}  // namespace mpad
