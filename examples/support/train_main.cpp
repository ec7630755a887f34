// SPDX-License-Identifier: MIT
#include "train_main.h"

#include "command_line.h"
#include "data_options.h"
#include "model_options.h"
#include "optimizer_options.h"
#include "option_group.h"
#include "run_options.h"

#include <mpad/core/check.h>

#include <unistd.h>

#include <cstdio>

namespace mpad {
namespace {

// A command line of a training program.
struct Options {
  void add(CommandLine& line, const Recipe& recipe);
  void finish(const Recipe& recipe, const std::string& command);

  Settings settings{};
  DataOptions data{};
  ModelOptions model{};
  OptimizerOptions optimizer{};
  RunOptions run{};
};

void Options::add(CommandLine& line, const Recipe& recipe) {
  data.add(line, recipe);
  model.add(line, recipe, settings);
  optimizer.add(line, recipe, settings);
  Group group(line, "Runs and results");
  group.number("--seed", "N", settings.seed, "Seed of the first run; run k has seed N + k");
  group.number("--runs", "N", settings.runs, "Trainings; with --resume, as many as before or more");
  add_parallel(group, settings);
  run.add(line, "results.csv, run.json and checkpoints");
  group.text("--export", "FILE", run.output.weights, "Write the last run's weights for PyTorch, as safetensors");
}

void Options::finish(const Recipe& recipe, const std::string& command) {
  model.finish(recipe, settings);
  optimizer.finish(recipe, settings);
  check(settings);
  run.finish(command);
  data.finish(recipe);
}

Progress make_progress(bool quiet) {
  if (quiet) return {};
  return {stderr, isatty(STDERR_FILENO) != 0 ? Progress::Style::bar : Progress::Style::lines};
}

void print_summary(const std::string& name, const Outcome& outcome) {
  const Summary s = summarize(outcome.results);
  const std::string speed =
      outcome.images_per_second > 0 ? fmt::format(", {:.0f} images/s", outcome.images_per_second) : "";
  fmt::print("{}: test accuracy {:.2f} % +- {:.2f} (mean and standard deviation of {} run{}), {} collapsed{}\n", name,
             100 * s.mean, 100 * s.deviation, s.runs, s.runs == 1 ? "" : "s", s.collapsed, speed);
}

void train(const Recipe& recipe, Options options) {
  options.settings.device = options.run.start(recipe.name);
  const Split data = options.data.load();
  const Progress progress = make_progress(options.run.quiet);
  const Architecture architecture = options.model.architecture;
  print_summary(recipe.name,
                run_experiment(title_of(recipe, architecture), options.settings,
                               model_factory(recipe, architecture, data), data, options.run.output, progress));
}

}  // namespace

int train_main(const Recipe& recipe, int argc, const char* const* argv) {
  Options options;
  CommandLine line(recipe.name, recipe.about);
  options.add(line, recipe);
  return line.main(
      argc, argv, [&](const std::string& command) { options.finish(recipe, command); },
      [&] { train(recipe, options); });
}

}  // namespace mpad
