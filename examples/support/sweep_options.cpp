// SPDX-License-Identifier: MIT
#include "sweep_options.h"

#include "lists.h"
#include "model_options.h"
#include "optimizer_options.h"
#include "option_group.h"

#include <mpad/train/data_values.h>
#include <mpad/train/naming.h>

#include <algorithm>
#include <cmath>

namespace mpad {
namespace {

// Calls parse_choice with each part of a list.
template <class Enum>
std::vector<Enum> parse_choices(const std::string& option, const std::string& text, const std::vector<Enum>& choices) {
  return parse_list(option, text, [&](const std::string& name, const std::string& part) {
    return parse_choice(name, part, choices);
  });
}

double parse_beta(const std::string& option, const std::string& text) {
  const auto beta = parse_number<double>(option, text);
  require(std::isfinite(beta), "{}: expected finite numbers, got '{}'", option, text);
  return beta;
}

}  // namespace

void SweepOptions::add_grid(CommandLine& line) {
  Group group(line, "Grid: comma-separated lists");
  group.text("--bits", "LIST", bits_, "Precisions: some of 16,32,64,mixed");
  group.text("--optimizers", "LIST", optimizers_, "Update rules: some of sgd,adam,adamw");
  group.text("--batch-norm", "LIST", batch_norms_, "Batch normalisation: off,on or one of them");
  group.text("--pool-forward", "LIST", forwards_, "Pool's forward: exact,composed or one of them");
  group.text("--pool-backward", "LIST", backwards_, "Pool's backward: some of fused,composed,standard");
  group.text("--betas", "LIST", betas_, "Tie rules beta:B");
  group.number("--runs", "N", runs, "Trainings of each cell; run k has seed N + k");
  add_pool_details(line, settings);
}

void SweepOptions::add_rates(CommandLine& line) {
  Group group(line, "Optimization");
  group.number<double>("--lr", "RATE", lr_, "Learning rate of all", "as the trainer");
  group.number(
      "--lr-search", "TRIALS", search_trials,
      fmt::format("Search the learning rate in [{}, {}] by successive halving; 0: do not", least_rate, most_rate));
  group.text("--lr-for", "first|each", rate_for_, "With --lr-search: one rate, for the first beta, or one for each",
             "first");
  group.number<std::int64_t>("--lr-epochs", "N", search_epochs_, "With --lr-search: epochs of the last trials",
                             fmt::format("{}", search.epochs));
  group.text("--select", "held-out|test", select_,
             "With --lr-search: judge by a tenth of the training images, or by the test images as the study did",
             to_string(search.select));
}

void SweepOptions::add(CommandLine& line) {
  study.add(line, "sweep.csv, pools.csv, search.csv and run.json", true);
  add_grid(line);
  add_rates(line);
  add_training_options(line, settings);
  Group group(line, "Runs and results");
  add_parallel(group, settings);
}

void SweepOptions::read_grid() {
  using enum OptimizerKind;
  using enum PoolBackward;
  grid.precisions = parse_list("--bits", bits_, parse_precision);
  grid.optimizers = parse_choices<OptimizerKind>("--optimizers", optimizers_, {sgd, adam, adamw});
  grid.batch_norms = parse_list("--batch-norm", batch_norms_, parse_switch);
  grid.forwards = parse_choices<PoolForward>("--pool-forward", forwards_, {PoolForward::exact, PoolForward::composed});
  grid.backwards =
      parse_choices<PoolBackward>("--pool-backward", backwards_, {fused, PoolBackward::composed, standard});
  grid.betas = parse_list("--betas", betas_, parse_beta);
}

void SweepOptions::read_rates() {
  require(search_trials >= 0 && search_trials <= 1000, "--lr-search: expected 0 to 1000 trials, got {}", search_trials);
  require(search_trials == 0 || !lr_, "expected --lr or --lr-search, got both");
  read_search();
  if (lr_) settings.lr = *lr_;
}

void SweepOptions::read_search() {
  using Select = RateSearchOptions::Select;
  search.epochs = search_epochs_.value_or(search.epochs);
  require(search.epochs >= 1, "--lr-epochs: expected 1 or more, got {}", search.epochs);
  if (!rate_for_.empty() && rate_for_ != "first" && rate_for_ != "each")
    fail_choice("--lr-for", {"first", "each"}, rate_for_);
  one_rate = rate_for_ != "each";
  if (!select_.empty()) search.select = parse_choice<Select>("--select", select_, {Select::held_out, Select::test});
  search.trials = std::max<std::int64_t>(1, search_trials);
  const bool described = !rate_for_.empty() || search_epochs_ || !select_.empty();
  require(search_trials > 0 || !described, "--lr-for, --lr-epochs and --select: expected --lr-search with them");
}

// That trials can be trained, whose epochs are others.
void SweepOptions::check_search() const {
  Settings searching = settings;
  searching.epochs = search.epochs;
  naming(fmt::format("--lr-epochs {}", search.epochs), [&] { expand(grid, searching); });
}

void SweepOptions::finish(const std::string& command) {
  read_grid();
  read_rates();
  settings.seed = study.seed;
  settings.runs = runs;
  expand(grid, settings);
  if (search_trials > 0) check_search();
  settings.runs = 1;
  study.finish(command);
}

double SweepOptions::fixed_rate(const Network& network, const Settings& cell) const {
  return lr_ ? *lr_ : default_rate(cell, *network.recipe);
}

std::vector<NamedValue> SweepOptions::context(const std::vector<Split>& images) const {
  std::vector<NamedValue> context = named_values(settings);
  for (const auto& [name, value] : study.context(images.front(), settings.device)) put(context, name, value);
  for (const Split& split : images) {
    const std::string& dataset = split.train.name;
    if (dataset == images.front().train.name) continue;
    for (const auto& [name, value] : named_values(split))
      if (name != "dataset") put(context, fmt::format("{}-{}", dataset, name), value);
  }
  const std::vector<std::string> in_rows{"network",    "bits",         "ties",          "optimizer",
                                         "batch-norm", "pool-forward", "pool-backward", "pool-test-forward",
                                         "runs"};
  std::erase_if(context, [&](const NamedValue& value) {
    return std::find(in_rows.begin(), in_rows.end(), value.first) != in_rows.end();
  });
  if (!lr_) put(context, "lr", search_trials == 0 ? "the trainer's" : "searched");
  if (search_trials > 0) {
    put(context, "lr-search", std::to_string(search_trials));
    put(context, "lr-for", one_rate ? "first" : "each");
    put(context, "lr-epochs", std::to_string(search.epochs));
    put(context, "select", to_string(search.select));
  }
  return context;
}

}  // namespace mpad
