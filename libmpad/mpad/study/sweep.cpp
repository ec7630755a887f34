// SPDX-License-Identifier: MIT
#include <mpad/study/pool_noise.h>
#include <mpad/study/sweep.h>
#include <mpad/study/unfinished_run.h>
#include <mpad/train/run_at_once.h>

#include <algorithm>
#include <iterator>
#include <mutex>
#include <optional>
#include <set>

namespace mpad {
namespace {

double seconds_of(const std::vector<EpochResult>& epochs) {
  double seconds = 0;
  for (const EpochResult& epoch : epochs) seconds += epoch.seconds;
  return seconds;
}

SweepRow row_of(const CellName& cell, const Trainer& trainer, std::int64_t run) {
  const EpochResult& last = trainer.results().back();
  return {.cell = cell,
          .lr = trainer.settings().lr,
          .run = run,
          .epochs = std::ssize(trainer.results()),
          .train = last.train,
          .test = last.test,
          .collapsed = collapse_of(last),
          .seconds = seconds_of(trainer.results())};
}

std::vector<PoolNoise> noise_of(const Trainer& trainer, Dataset test) {
  test.dtype = trainer.settings().dtype;
  const Batches batches = test.batches(trainer.settings().batch_size);
  return measure_pool_noise(trainer.model(), (*batches.begin()).images);
}

UnfinishedRun state_of(const OutputDirectory& directory, const Settings& settings, const CellName& cell,
                       std::int64_t run) {
  return {directory, settings, {{"network", cell.network}, {"dataset", cell.dataset}, {"run", std::to_string(run)}}};
}

// Of runs that were killed between their row and the end of their state.
void remove_states_of_finished(const Sweep& sweep, const OutputDirectory& directory, const SweepResults& results) {
  for (const BetaGroup& group : sweep.groups)
    for (Settings settings : group) {
      const CellName cell = name_of(sweep.network, sweep.data.train.name, settings);
      for (const SweepRow& row : results.rows()) {
        if (row.cell != cell) continue;
        settings.lr = row.lr;
        state_of(directory, settings, cell, row.run).remove();
      }
    }
}

// A run that the results lack.
struct Missing {
  const BetaGroup* group;
  Settings settings;
  CellName cell;
  std::int64_t run;
};

// In the order of the sweep, each once.
std::vector<Missing> missing_runs(const Sweep& sweep, const SweepResults& results) {
  std::vector<Missing> missing;
  for (const BetaGroup& group : sweep.groups)
    for (std::int64_t run = 0; run < sweep.runs; ++run)
      for (const Settings& settings : group) {
        const CellName cell = name_of(sweep.network, sweep.data.train.name, settings);
        const bool listed = std::any_of(missing.begin(), missing.end(),
                                        [&](const Missing& other) { return other.run == run && other.cell == cell; });
        if (!listed && !results.has(cell, run)) missing.push_back({&group, settings, cell, run});
      }
  return missing;
}

// Hands out the missing runs of a sweep, trains them and keeps their results; several may be at work at once.
class MissingRuns {
 public:
  MissingRuns(const Sweep& sweep, const OutputDirectory& directory, SweepResults& results, const SweepHooks& hooks)
      : sweep_(sweep),
        directory_(directory),
        results_(results),
        hooks_(hooks),
        make_model_(one_at_a_time(sweep.make_model)),
        missing_(missing_runs(sweep, results)),
        rows_before_(results.rows().size()) {}

  void train_all(const Stop& stop) {
    while (const std::optional<std::size_t> next = take_next(stop)) train(*next, stop);
  }
  bool complete() const { return finished_.size() == missing_.size(); }
  std::int64_t size() const { return std::ssize(missing_); }

 private:
  // None where all are taken or there is no time.
  std::optional<std::size_t> take_next(const Stop& stop) {
    const auto may_go_on = [&] {
      stop.check();
      return hooks_.may_start();
    };
    const std::lock_guard lock(taking_);
    if (next_ == missing_.size() || !may_go_on()) return std::nullopt;
    Missing& run = missing_[next_];
    const std::optional<double> lr = hooks_.rate(*run.group, run.settings, may_go_on);
    if (!lr) return std::nullopt;
    run.settings.lr = *lr;
    return next_++;
  }

  void train(std::size_t index, const Stop& stop) {
    const auto& [group, settings, cell, run] = missing_[index];
    Trainer trainer(settings, run, make_model_, sweep_.data);
    const UnfinishedRun unfinished = state_of(directory_, settings, cell, run);
    unfinished.restore(trainer);
    while (!trainer.finished()) {
      trainer.run_epoch([&](std::int64_t) { stop.check(); });
      if (!trainer.finished()) unfinished.save(trainer);
    }
    const SweepRow row = row_of(cell, trainer, run);
    const std::vector<PoolNoise> noise = noise_of(trainer, sweep_.data.test);
    const std::lock_guard lock(keeping_);
    const auto place = finished_.insert(index).first;
    const auto earlier = std::distance(finished_.begin(), place);
    results_.add(row, noise, rows_before_ + static_cast<std::size_t>(earlier));
    unfinished.remove();
    hooks_.after_run(row);
  }

  const Sweep& sweep_;
  const OutputDirectory& directory_;
  SweepResults& results_;
  const SweepHooks& hooks_;
  const ModelFactory make_model_;
  std::vector<Missing> missing_;
  std::size_t next_ = 0, rows_before_;
  std::set<std::size_t> finished_{};
  std::mutex taking_{}, keeping_{};
};

}  // namespace

bool run_sweep(const Sweep& sweep, const OutputDirectory& directory, SweepResults& results, const SweepHooks& hooks) {
  remove_states_of_finished(sweep, directory, results);
  MissingRuns runs(sweep, directory, results, hooks);
  run_at_once(std::min(sweep.parallel, runs.size()), sweep.data.train.labels.device(),
              [&](const Stop& stop) { runs.train_all(stop); });
  return runs.complete();
}

}  // namespace mpad
