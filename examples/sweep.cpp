// SPDX-License-Identifier: MIT
// Trains networks over a grid of precisions, optimizers and ways to compute a pool, resumably: sweep --help.
#include "support/command_line.h"
#include "support/sweep_options.h"
#include "support/sweep_table.h"

#include <mpad/core/check.h>
#include <mpad/study/sweep.h>
#include <mpad/study/unfinished_run.h>
#include <mpad/train/data_values.h>

#include <algorithm>

using namespace mpad;

namespace {

bool is_result(std::string_view name) {
  return name == SweepResults::rows_name || name == SweepResults::pools_name || name == SearchedRates::file_name ||
         is_unfinished_run(name);
}

std::string text_of(const CellName& c) {
  return fmt::format("{}, {} bits, {}{}, {}/{}, beta {}", c.network, c.bits, c.optimizer,
                     c.batch_norm == "true" ? ", batch norm" : "", c.forward, c.backward, c.beta);
}

void print_run(const SweepRow& row) {
  fmt::print(stderr, "{}, lr {:.3g}, run {}: test accuracy {:.2f} %, {:.1f} s{}\n", text_of(row.cell), row.lr, row.run,
             100 * row.test.accuracy, row.seconds, row.collapsed.empty() ? "" : "; collapsed in " + row.collapsed);
}

// The sweep of one network; whether it is complete.
bool sweep_network(const SweepOptions& options, const Network& network, const Split& images,
                   const OutputDirectory& directory, SweepResults& results, SearchedRates& searched,
                   const std::function<bool()>& may_start) {
  const Sweep sweep{.network = network.name,
                    .make_model = model_factory(*network.recipe, network.architecture, images),
                    .data = images.to(options.settings.device),
                    .groups = expand(options.grid, options.settings),
                    .runs = options.runs,
                    .parallel = options.settings.parallel};
  const auto rate = [&](const BetaGroup& group, const Settings& cell,
                        const std::function<bool()>& may_go_on) -> std::optional<double> {
    if (options.search_trials == 0) return options.fixed_rate(network, cell);
    const Settings& searched_for = options.one_rate ? group.front() : cell;
    try {
      return searched.rate(network.name, searched_for, sweep.make_model, images, may_go_on);
    } catch (const NoRate&) {  // a result of this cell, and others have theirs to come
      const double lr = options.fixed_rate(network, cell);
      fmt::print(stderr, "{}: no rate that was searched trains; lr {:.3g} is the trainer's\n",
                 text_of(name_of(network.name, images.train.name, cell)), lr);
      return lr;
    }
  };
  const auto after_run = [&](const SweepRow& row) {
    if (!options.study.run.quiet) print_run(row);
  };
  return run_sweep(sweep, directory, results, {.rate = rate, .may_start = may_start, .after_run = after_run});
}

// The images of each network, in memory once where several train on the same.
std::vector<Split> load_all(const StudyOptions& study) {
  std::vector<Split> all;
  for (const Network& network : study.networks) {
    const Split images = study.load(network);
    const auto same = std::find_if(all.begin(), all.end(),
                                   [&](const Split& earlier) { return named_values(earlier) == named_values(images); });
    all.push_back(same == all.end() ? images : *same);
  }
  return all;
}

// Finds out before results are overwritten what would fail in a run's first epoch.
void check_networks(const SweepOptions& options, const std::vector<Split>& images) {
  const std::vector<Network>& networks = options.study.networks;
  for (std::size_t i = 0; i < networks.size(); ++i)
    for (const BetaGroup& group : expand(options.grid, options.settings))
      check_network(group.front(), model_factory(*networks[i].recipe, networks[i].architecture, images[i]),
                    images[i].train);
}

void run(SweepOptions options) {
  options.settings.device = options.study.run.start("sweep");
  const std::vector<Network>& networks = options.study.networks;
  const std::vector<Split> images = load_all(options.study);
  if (options.study.run.output.existing == Existing::overwrite) check_networks(options, images);
  const OutputDirectory directory(options.study.run.output, options.context(images), is_result);
  SweepResults results(directory);
  SearchedRates searched(directory, options.search);
  const auto may_start = [&] { return options.study.has_time(); };
  bool complete = true;
  for (std::size_t i = 0; i < networks.size() && complete; ++i)
    complete = sweep_network(options, networks[i], images[i], directory, results, searched, may_start);
  fmt::print("{}", sweep_table(results.rows()));
  if (!complete) options.study.print_out_of_time("sweep");
}

}  // namespace

int main(int argc, char** argv) {
  SweepOptions options;
  CommandLine line("sweep", "Trains networks over a grid of settings and reports their test accuracies.");
  options.add(line);
  return line.main(
      argc, argv, [&](const std::string& command) { options.finish(command); }, [&] { run(options); });
}
