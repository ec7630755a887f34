// SPDX-License-Identifier: MIT
#include "optimizer_options.h"

#include "option_group.h"

namespace mpad {
namespace {

constexpr const char* optimizer_title = "Optimization";

}  // namespace

double default_rate(const Settings& s, const Recipe& recipe) {
  const DefaultRates& lr = s.batch_norm ? recipe.lr_batch_norm : recipe.lr;
  if (s.optimizer != OptimizerKind::sgd) return lr.adam;
  return s.dtype == DType::f16 && !s.mixed ? lr.sgd16 : lr.sgd;
}

void add_training_options(CommandLine& line, Settings& s) {
  Group group(line, optimizer_title);
  group.number("--momentum", "M", s.momentum, "Momentum of sgd");
  group.flag("--nesterov", s.nesterov, "Nesterov's momentum");
  group.number("--epsilon", "E", s.epsilon, "Epsilon of adam; 0 means 1e-8, or 1e-4 in 16 bits");
  group.number("--weight-decay", "D", s.weight_decay, "Weight decay");
  group.choice("--schedule", s.schedule, {Schedule::Kind::constant, Schedule::Kind::step, Schedule::Kind::cosine},
               "Learning rate over the epochs");
  group.number("--step-every", "E", s.step_every, "Schedule step: epochs between two reductions");
  group.number("--step-factor", "F", s.step_factor, "Schedule step: factor of each");
  group.number("--warmup", "E", s.warmup, "Epochs of linear warm-up before the schedule");
  group.number("--epochs", "N", s.epochs, "Passes over the training images");
  group.number("--batch-size", "N", s.batch_size, "Images in a step");
  group.flag("--graph", s.graph, "On CUDA, queue a step as one graph; results do not depend on it");
}

void OptimizerOptions::add_with(CommandLine& line, const std::string& default_rates, Settings& s) {
  using enum OptimizerKind;
  Group group(line, optimizer_title);
  group.choice("--optimizer", s.optimizer, {sgd, adam, adamw}, "Update rule");
  group.number<double>("--lr", "RATE", lr_, "Learning rate", default_rates);
  add_training_options(line, s);
}

void OptimizerOptions::add(CommandLine& line, const Recipe& recipe, Settings& s) {
  const auto rates = [](const DefaultRates& lr) {
    return fmt::format("{}; {} for sgd in 16 bits, {} for adam", lr.sgd, lr.sgd16, lr.adam);
  };
  add_with(line, rates(recipe.lr) + "; with batch norm " + rates(recipe.lr_batch_norm), s);
}

void OptimizerOptions::add(CommandLine& line, Settings& s) { add_with(line, "as the trainer", s); }

void OptimizerOptions::finish(const Recipe& recipe, Settings& s) const { s.lr = lr_.value_or(default_rate(s, recipe)); }

}  // namespace mpad
