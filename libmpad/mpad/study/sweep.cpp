// SPDX-License-Identifier: MIT
#include <mpad/study/pool_noise.h>
#include <mpad/study/sweep.h>
#include <mpad/study/unfinished_run.h>

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

SweepRow train(const Sweep& sweep, const CellName& cell, const Settings& settings, std::int64_t run,
               const OutputDirectory& directory, SweepResults& results) {
  Trainer trainer(settings, run, sweep.make_model, sweep.data);
  const UnfinishedRun unfinished(directory, settings,
                                 {{"network", cell.network}, {"dataset", cell.dataset}, {"run", std::to_string(run)}});
  unfinished.restore(trainer);
  while (!trainer.finished()) {
    trainer.run_epoch();
    if (!trainer.finished()) unfinished.save(trainer);
  }
  const SweepRow row = row_of(cell, trainer, run);
  const std::vector<PoolNoise> noise = noise_of(trainer, sweep.data.test);
  unfinished.remove();  // before the row is there: nobody would look for it after
  results.add(row, noise);
  return row;
}

}  // namespace

bool run_sweep(const Sweep& sweep, const OutputDirectory& directory, SweepResults& results, const SweepHooks& hooks) {
  for (const BetaGroup& group : sweep.groups)
    for (std::int64_t run = 0; run < sweep.runs; ++run)
      for (Settings settings : group) {
        const CellName cell = name_of(sweep.network, sweep.data.train.name, settings);
        if (results.has(cell, run)) continue;
        if (!hooks.may_start()) return false;
        const std::optional<double> lr = hooks.rate(group, settings);
        if (!lr) return false;
        settings.lr = *lr;
        hooks.after_run(train(sweep, cell, settings, run, directory, results));
      }
  return true;
}

}  // namespace mpad
