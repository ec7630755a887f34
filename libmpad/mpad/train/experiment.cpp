// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/train/atomic_file.h>
#include <mpad/train/data_values.h>
#include <mpad/train/experiment.h>
#include <mpad/train/result_directory.h>
#include <mpad/train/run_at_once.h>
#include <mpad/train/weights.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <map>
#include <mutex>

namespace mpad {
namespace {

// All that the result depends on, as text.
std::vector<NamedValue> context_of(const std::string& network, const Settings& settings, const Split& data) {
  std::vector<NamedValue> context{{"network", network}};
  for (const std::vector<NamedValue>& values : {named_values(data), named_values(settings)})
    context.insert(context.end(), values.begin(), values.end());
  return context;
}

// Whether two paths name one directory, which need not be there.
bool same_place(const std::filesystem::path& a, const std::filesystem::path& b) {
  const auto place = [](const std::filesystem::path& path) {
    return (std::filesystem::absolute(path) / "").lexically_normal();
  };
  return place(a) == place(b);
}

// Finds out before anything is written or trained what would fail at the end, or in the first run.
void check_weights(const Settings& settings, const ModelFactory& make_model, const Output& output) {
  if (!settings.weights.empty()) load_weights(*make_model(settings), settings.weights);
  if (output.weights.empty()) return;
  const std::filesystem::path file = output.weights, directory = file.parent_path();
  std::error_code ignored;
  const bool there = directory.empty() || std::filesystem::is_directory(directory, ignored);
  if (!there && !output.directory.empty() && same_place(directory, output.directory)) return;  // which is made first
  require(there, "--export: expected a file in a directory that is there, got '{}'", output.weights);
  require(!std::filesystem::is_directory(file, ignored), "--export: expected a file, got the directory '{}'",
          output.weights);
  const AtomicFile may_be_written(output.weights);  // and is not
}

// The time in which some run was training.
class TrainingTime {
 public:
  // Of an epoch that has just ended.
  void add(const EpochResult& result) {
    const double begin = std::chrono::duration<double>(Clock::now() - start_).count() - result.seconds;
    spans_.emplace_back(begin, begin + result.train_seconds);
  }
  double seconds() const {
    std::vector<std::pair<double, double>> spans = spans_;
    std::sort(spans.begin(), spans.end());
    double sum = 0, until = -HUGE_VAL;
    for (const auto& [begin, end] : spans) {
      sum += std::max(0.0, end - std::max(begin, until));
      until = std::max(until, end);
    }
    return sum;
  }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start_ = Clock::now();
  std::vector<std::pair<double, double>> spans_{};
};

// The runs of an experiment, several of which may be at work at once.
class Experiment {
 public:
  Experiment(const Settings& settings, const ModelFactory& make_model, const Split& data, const Output& output,
             const ResultDirectory& directory, Progress& progress);
  // From where the run's checkpoint is to its end.
  void train(std::int64_t run, const Stop& stop);
  Outcome outcome() const;

 private:
  void restore(Trainer& trainer, std::int64_t run);
  void keep(const Trainer& trainer, const EpochResult& result);
  std::vector<EpochResult> results() const;

  const Settings& settings_;
  const Output& output_;
  const ResultDirectory& directory_;
  const Split data_;  // on the device, for all runs
  std::mutex keeping_{}, showing_{};
  const ModelFactory make_model_;
  std::map<std::int64_t, std::vector<EpochResult>> by_run_{};
  TrainingTime time_{};
  double images_ = 0;
  Progress& progress_;
};

Experiment::Experiment(const Settings& settings, const ModelFactory& make_model, const Split& data,
                       const Output& output, const ResultDirectory& directory, Progress& progress)
    : settings_(settings),
      output_(output),
      directory_(directory),
      data_(data.to(settings.device)),
      make_model_(one_at_a_time(make_model)),
      progress_(progress) {
  if (output.existing != Existing::resume) return;
  for (std::int64_t run = 0; run < settings.runs; ++run)
    if (std::vector<EpochResult> saved = directory.saved_results(run); !saved.empty()) by_run_[run] = std::move(saved);
}

void Experiment::train(std::int64_t run, const Stop& stop) {
  Trainer trainer(settings_, run, make_model_, data_);
  restore(trainer, run);
  while (!trainer.finished()) {
    const EpochResult& result = trainer.run_epoch([&](std::int64_t images) {
      stop.check();
      const std::lock_guard lock(showing_);
      progress_.after_step(images);
    });
    keep(trainer, result);
    const std::lock_guard lock(showing_);
    progress_.after_epoch(result);
  }
  if (run + 1 == settings_.runs && !output_.weights.empty())
    export_weights(trainer.model(), output_.weights, trainer.optimizer().unrounded());
}

void Experiment::restore(Trainer& trainer, std::int64_t run) {
  directory_.restore(trainer, run);
  if (!trainer.results().empty()) {
    const std::lock_guard lock(keeping_);
    by_run_[run] = trainer.results();
    directory_.write_results(results(), settings_);
  }
  const std::lock_guard lock(showing_);
  progress_.skip(trainer.finished() ? settings_.epochs : std::ssize(trainer.results()));
}

// The checkpoint is the run's own file; results.csv is that of all.
void Experiment::keep(const Trainer& trainer, const EpochResult& result) {
  directory_.save(trainer, result.run);
  const std::lock_guard lock(keeping_);
  time_.add(result);
  images_ += static_cast<double>(result.images);
  by_run_[result.run].push_back(result);
  directory_.write_results(results(), settings_);
}

std::vector<EpochResult> Experiment::results() const {
  std::vector<EpochResult> all;
  for (const auto& [run, results] : by_run_) all.insert(all.end(), results.begin(), results.end());
  return all;
}

Outcome Experiment::outcome() const {
  const double seconds = time_.seconds();
  return {results(), seconds > 0 ? images_ / seconds : 0};
}

}  // namespace

Outcome run_experiment(const std::string& network, const Settings& settings, const ModelFactory& make_model,
                       const Split& data, const Output& output, Progress progress) {
  check(settings);
  require_available(settings.device);
  check_weights(settings, make_model, output);
  if (output.existing == Existing::overwrite) check_network(settings, make_model, data.train);
  const ResultDirectory directory(output, context_of(network, settings, data));
  progress.start(settings, data);
  Experiment experiment(settings, make_model, data, output, directory, progress);
  const std::int64_t at_once = std::min(settings.parallel, settings.runs);
  std::atomic<std::int64_t> next{0};
  const auto train_next = [&](const Stop& stop) {
    for (std::int64_t run = next++; run < settings.runs; run = next++) {
      stop.check();
      experiment.train(run, stop);
    }
  };
  run_at_once(at_once, settings.device, train_next);
  return experiment.outcome();
}

}  // namespace mpad
