// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/train/data_values.h>
#include <mpad/train/experiment.h>
#include <mpad/train/result_directory.h>
#include <mpad/train/weights.h>

#include <filesystem>

namespace mpad {
namespace {

// All that the result depends on, as text.
std::vector<NamedValue> context_of(const std::string& network, const Settings& settings, const Split& data) {
  std::vector<NamedValue> context{{"network", network}};
  for (const std::vector<NamedValue>& values : {named_values(data), named_values(settings)})
    context.insert(context.end(), values.begin(), values.end());
  return context;
}

// Finds out before anything is written or trained what would fail at the end, or in the first run.
void check_weights(const Settings& settings, const ModelFactory& make_model, const Output& output) {
  if (!settings.weights.empty()) load_weights(*make_model(settings), settings.weights);
  const std::filesystem::path directory = std::filesystem::path(output.weights).parent_path();
  std::error_code ignored;
  require(directory.empty() || std::filesystem::is_directory(directory, ignored),
          "--export: expected a file in a directory that is there, got '{}'", output.weights);
}

}  // namespace

Outcome run_experiment(const std::string& network, const Settings& settings, const ModelFactory& make_model,
                       const Split& data, const Output& output, Progress progress) {
  check(settings);
  require_available(settings.device);
  check_weights(settings, make_model, output);
  const ResultDirectory directory(output, context_of(network, settings, data));
  progress.start(settings, data.train.size());
  Outcome outcome;
  double images = 0, seconds = 0;
  for (std::int64_t run = 0; run < settings.runs; ++run) {
    Trainer trainer(settings, run, make_model, data);
    directory.restore(trainer, run);
    progress.skip(trainer.finished() ? settings.epochs : static_cast<std::int64_t>(trainer.results().size()));
    outcome.results.insert(outcome.results.end(), trainer.results().begin(), trainer.results().end());
    if (!trainer.results().empty()) directory.write_results(outcome.results, settings);
    while (!trainer.finished()) {
      const EpochResult& result = trainer.run_epoch([&](std::int64_t count) { progress.after_step(count); });
      directory.save(trainer, run);
      outcome.results.push_back(result);
      directory.write_results(outcome.results, settings);
      progress.after_epoch(result);
      images += static_cast<double>(result.images);
      seconds += result.train_seconds;
    }
    if (run + 1 == settings.runs && !output.weights.empty())
      export_weights(trainer.model(), output.weights, trainer.optimizer().unrounded());
  }
  if (seconds > 0) outcome.images_per_second = images / seconds;
  return outcome;
}

}  // namespace mpad
