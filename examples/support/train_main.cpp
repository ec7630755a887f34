// SPDX-License-Identifier: MIT
#include "train_main.h"

#include "options.h"

#include <mpad/core/check.h>
#include <mpad/core/parallel.h>
#include <mpad/version.h>

#include <unistd.h>

#include <cstdio>

namespace mpad {
namespace {

enum ExitCode { succeeded = 0, failed = 1, misused = 2 };

Split load(const Options& options) {
  const DataSource& source = options.source;
  Split data = source.load_sized ? source.load_sized(options.data_directory, options.image_size)
                                 : source.load(options.data_directory);
  for (Dataset* part : {&data.train, &data.test}) part->workers = options.workers;
  if (!options.augment) data.train.augment = {};
  if (options.augment && !data.train.source) data.train.augment = crop_and_flip;
  if (options.train_limit > 0) data.train = data.train.first(options.train_limit);
  if (options.test_limit > 0) data.test = data.test.first(options.test_limit);
  return data;
}

// "resnet18, stem cifar": what results are kept under.
std::string name_of(const Recipe& recipe, const Architecture& architecture) {
  std::string name = recipe.name;
  if (!recipe.depths.empty()) name += std::to_string(architecture.depth);
  if (recipe.has_stems) name += fmt::format(", stem {}", to_string(architecture.stem));
  if (architecture.study_norms) name += ", study norms";
  return name;
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

int report(const std::string& name, const std::exception& error, ExitCode code) {
  std::fprintf(stderr, "%s: %s\n", name.c_str(), error.what());
  return code;
}

// A build for CUDA says why it trains on the CPU; one without has nothing to explain.
Device choose_device(const std::string& name, const std::optional<Device>& wish) {
  if (wish) return *wish;
  const std::string reason = unavailable(Device::cuda);
  if (reason.empty()) return Device::cuda;
  if (built_with_cuda()) fmt::print(stderr, "{}: training on the CPU: {}\n", name, reason);
  return Device::cpu;
}

void train(const Recipe& recipe, Options options) {
  options.settings.device = choose_device(recipe.name, options.device);
  set_num_threads(options.threads);
  const Split data = load(options);
  const Progress progress = make_progress(options.quiet);
  Architecture architecture = options.architecture;
  architecture.classes = data.train.classes;
  architecture.channels = data.train.shape()[3];
  const ModelFactory model = [&](const Settings& settings) { return recipe.model(settings, architecture); };
  print_summary(recipe.name,
                run_experiment(name_of(recipe, architecture), options.settings, model, data, options.output, progress));
}

}  // namespace

int train_main(const Recipe& recipe, int argc, const char* const* argv) {
  std::optional<Options> options;
  try {
    options = parse_options(recipe, argc, argv);
  } catch (const std::exception& error) {
    return report(recipe.name, error, misused);
  }
  if (!options) return succeeded;
  try {
    train(recipe, *options);
  } catch (const std::exception& error) {
    return report(recipe.name, error, failed);
  }
  return succeeded;
}

}  // namespace mpad
