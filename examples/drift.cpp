// SPDX-License-Identifier: MIT
// Trains replicas that differ in nothing but the tie rule of their pools, and measures how far apart they drift: drift
// --help.
#include "support/command_line.h"
#include "support/lists.h"
#include "support/model_options.h"
#include "support/optimizer_options.h"
#include "support/option_group.h"
#include "support/study_options.h"
#include "support/table.h"

#include <mpad/study/drift.h>
#include <mpad/study/unfinished_run.h>

using namespace mpad;

namespace {

bool is_result(std::string_view name) { return name == DriftResults::file_name || is_unfinished_run(name); }

struct Options {
  void add(CommandLine& line);
  void finish(const std::string& command);

  StudyOptions study{};
  Settings settings{.epochs = 3};
  OptimizerOptions optimizer{};
  std::string bits_text = "32", betas_text = "0,1,10,100,1e3,1e4";
  std::vector<Precision> precisions{};
  std::vector<double> betas{};
};

void Options::add(CommandLine& line) {
  study.add(line, "drift.csv and run.json");
  Group group(line, "Network");
  group.text("--bits", "LIST", bits_text, "Precisions, one after the other: some of 16,32,64,mixed");
  group.text("--betas", "LIST", betas_text, "Rules beta:B of the replicas, 0 first; one more beta:0 ends them");
  group.flag("--batch-norm", settings.batch_norm, "Normalise batches, where the study's network does");
  add_pool_options(line, settings);
  optimizer.add(line, settings);
}

// The settings in one precision, with its learning rate.
Settings in(const Precision& precision, const Options& options) {
  Settings settings = options.settings;
  settings.dtype = precision.dtype;
  settings.mixed = precision.mixed;
  options.optimizer.finish(*options.study.network.recipe, settings);
  check(settings);
  return settings;
}

void Options::finish(const std::string& command) {
  precisions = parse_list("--bits", bits_text, parse_precision);
  betas = parse_list("--betas", betas_text, parse_number<double>);
  require(betas.front() == 0, "--betas: expected 0 first, got '{}'", betas_text);
  for (const double beta : betas)
    require(std::isfinite(beta), "--betas: expected finite numbers, got '{}'", betas_text);
  settings.seed = study.seed;
  settings.ties = TieRule::beta(0);
  check(settings);
  study.finish(command);
  for (const Precision& precision : precisions) in(precision, *this);  // finds out now what cannot be
}

std::vector<NamedValue> context_of(const Options& options, const Split& images) {
  std::vector<NamedValue> context = named_values(options.settings);
  for (const auto& [name, value] : options.study.context(images, options.settings.device)) put(context, name, value);
  std::string rates;
  for (const Precision& precision : options.precisions)
    rates += (rates.empty() ? "" : ",") + fmt::format("{}", in(precision, options).lr);
  put(context, "bits", options.bits_text);
  put(context, "lr", rates);
  put(context, "ties", "beta:" + options.betas_text);
  return context;
}

void print_progress(std::span<const DriftRow> rows, std::int64_t epochs) {
  std::string text;
  for (const DriftRow& row : rows.subspan(1))
    text += fmt::format("{} beta:{} {:.3g}", text.empty() ? "" : ",", row.beta, row.distance);
  fmt::print(stderr, "{} bits, epoch {}/{}: distance of{}\n", rows[0].precision, rows[0].epoch + 1, epochs, text);
}

void print_summary(const std::vector<DriftRow>& rows, std::int64_t epochs) {
  std::vector<std::vector<std::string>> lines{{"bits", "rule", "distance", "relative", "test accuracy", "collapsed"}};
  for (const DriftRow& row : rows)
    if (row.epoch + 1 == epochs)
      lines.push_back({row.precision, fmt::format("beta:{}", row.beta), fmt::format("{:.4g}", row.distance),
                       fmt::format("{:.3g}", row.relative_distance), fmt::format("{:.2f} %", 100 * row.test_accuracy),
                       row.collapsed.empty() ? "-" : row.collapsed});
  fmt::print("{}", table(lines));
}

void measure(Options options) {
  const StudyOptions& study = options.study;
  options.settings.device = study.run.start("drift");
  const Split images = study.load();
  if (study.run.output.existing == Existing::overwrite)
    for (const Precision& precision : options.precisions)
      check_network(in(precision, options), study.model(images), images.train);
  const OutputDirectory directory(study.run.output, context_of(options, images), is_result);
  DriftResults results(directory);
  const auto after_epoch = [&](std::span<const DriftRow> epoch) {
    if (!study.run.quiet) print_progress(epoch, options.settings.epochs);
  };
  bool complete = true;
  for (const Precision& precision : options.precisions) {
    if (!complete) break;
    const Drift drift{.network = study.network.name,
                      .make_model = study.model(images),
                      .data = images,
                      .settings = in(precision, options),
                      .betas = options.betas};
    complete = measure_drift(drift, directory, results,
                             {.may_start = [&] { return study.has_time(); }, .after_epoch = after_epoch});
  }
  print_summary(results.rows(), options.settings.epochs);
  if (!complete) study.print_out_of_time("drift");
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CommandLine line("drift", "Measures how far networks drift apart that differ in the tie rule alone.");
  options.add(line);
  return line.main(
      argc, argv, [&](const std::string& command) { options.finish(command); }, [&] { measure(options); });
}
