// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/data/dataset.h>
#include <mpad/nn/module.h>
#include <mpad/optim.h>
#include <mpad/train/gradient_step.h>
#include <mpad/train/loss_scaler.h>
#include <mpad/train/queued_steps.h>
#include <mpad/train/results.h>

#include <functional>
#include <memory>
#include <vector>

namespace mpad {

/// Makes the network, in float, with fresh parameters; the trainer has set the seed.
using ModelFactory = std::function<std::unique_ptr<Module>(const Settings&)>;

/// The same, for several threads, which it lets in one at a time.
ModelFactory one_at_a_time(ModelFactory make_model);

/// Throws Error if the network cannot take these images or, naming --batch-size, cannot be trained on the one image of
/// a last mini-batch. Runs a network of its own on one black image, on the CPU.
void check_network(const Settings& settings, const ModelFactory& make_model, const Dataset& train);

/// One run: a network, its optimizer and schedule, and the results so far. Everything random in run k follows from
/// seed + k: the initialisation, the order of the images of each epoch, and what layers draw in each step.
class Trainer {
 public:
  /// Called after each mini-batch with the number of images trained on; of steps that are queued, once they are done.
  using AfterStep = std::function<void(std::int64_t images)>;

  /// Throws Error, naming --batch-size, if the network cannot be trained on the one image of a last mini-batch.
  Trainer(const Settings& settings, std::int64_t run, const ModelFactory& make_model, const Split& data);

  /// All epochs are done, or the run collapsed.
  bool finished() const {
    return static_cast<std::int64_t>(results_.size()) == settings_.epochs ||
           (!results_.empty() && !results_.back().collapsed.empty());
  }
  /// Trains on every image once, then tests. A loss that is not finite ends the run: its step is the last, and the
  /// result says where the loss became so. Mixed precision skips that step, and ends when the loss's scale is at its
  /// least. Throws OutOfMemory, naming the largest batch that would fit, if a step
  /// takes more memory than the device has.
  const EpochResult& run_epoch(const AfterStep& after_step = {});

  const Settings& settings() const { return settings_; }
  Module& model() const { return *model_; }
  Optimizer& optimizer() const { return *optimizer_; }
  /// One for each epoch done.
  const std::vector<EpochResult>& results() const { return results_; }
  /// What mixed precision multiplies the loss by.
  const LossScaler& scaler() const { return scaler_; }
  /// Continues behind these epochs, which must be the first of this run, in order, with their steps. The tensors of
  /// model and optimizer are the caller's to restore.
  void resume(std::vector<EpochResult> results, std::int64_t steps, const LossScaler& scaler = {});

 private:
  struct Pass;
  void train_and_test(EpochResult& result, const AfterStep& after_step);
  void train_batches(EpochResult& result, const AfterStep& after_step);
  void try_batch(const Batches& batches);
  bool queues_steps() const;
  void take_queued(Pass& pass, const Batches& batches);
  bool take(Pass& pass, const Batch& batch);
  double rate(std::int64_t step) const { return settings_.lr * schedule_.factor(step); }
  double scale() const { return settings_.mixed ? scaler_.scale : 1; }
  bool may_recover() const;
  void step();

  Settings settings_;
  std::int64_t run_;
  Dataset train_, test_;
  std::unique_ptr<Module> model_;
  std::unique_ptr<Optimizer> optimizer_;
  GradientStep gradient_step_;
  std::unique_ptr<QueuedSteps> queued_{};
  std::int64_t steps_per_epoch_;
  Schedule schedule_;
  LossScaler scaler_{};
  std::vector<EpochResult> results_{};
};

/// Mean loss and accuracy of the model in evaluation mode, the loss computed in the logits' dtype or in float; nothing
/// is recorded.
Score evaluate(Module& model, const Dataset& dataset, std::int64_t batch_size, bool float_loss = false);

}  // namespace mpad
