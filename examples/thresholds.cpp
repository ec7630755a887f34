// SPDX-License-Identifier: MIT
// How far programs are apart that are the same or differ in one choice, and what thresholds follow: thresholds --help.
#include "support/command_line.h"
#include "support/lists.h"
#include "support/option_group.h"
#include "support/pair_options.h"
#include "support/study_options.h"

#include <mpad/study/threshold_results.h>

#include <algorithm>
#include <cmath>

using namespace mpad;

namespace {

constexpr const char* name = "thresholds";

struct Options {
  void add(CommandLine& line);
  void finish(const std::string& command);
  std::vector<NamedValue> context(const Split& images, Device device) const;

  StudyOptions study{};
  PairOptions pairs{VectorNorm::one};

 private:
  std::string batch_norm_ = "off";
};

void Options::add(CommandLine& line) {
  study.add(line, "differences.csv, thresholds.csv, histogram.csv and run.json");
  pairs.add(line);
  Group group(line, "Pairs of weights and mini-batch");
  group.number("--batch-size", "N", pairs.plan.settings.batch_size, "Images in a mini-batch");
  group.text("--batch-norm", "off|on", batch_norm_, "Whether the network normalises batches");
}

void Options::finish(const std::string& command) {
  study.finish(command);
  pairs.plan.settings.batch_norm = parse_switch("--batch-norm", batch_norm_);
  pairs.plan.settings.seed = study.seed;
  pairs.finish();
}

std::vector<NamedValue> Options::context(const Split& images, Device device) const {
  std::vector<NamedValue> values = pairs.context(study.context(images, device));
  values.emplace_back("batch-size", std::to_string(pairs.plan.settings.batch_size));
  values.emplace_back("batch-norm", batch_norm_);
  return values;
}

void print_differences(DType dtype, const std::vector<Difference>& found) {
  constexpr const char* line = "{:>4}  {:<14}  {:>6}  {:>7}  {:>9}  {:>9}  {:>12}  {:>11}\n";
  fmt::print(line, "bits", "native against", "pairs", "D = 0 %", "least", "largest", "compensation", "bifurcation");
  for (const Rival& rival : rivals()) {
    std::vector<double> positive;
    std::size_t pairs = 0, zeros = 0, compensations = 0, bifurcations = 0;
    for (const Difference& d : found) {
      if (d.dtype != dtype || d.rival != rival.name) continue;
      ++pairs;
      zeros += d.comparison.difference == 0;
      compensations += d.comparison.zone == Zone::compensation;
      bifurcations += d.comparison.zone == Zone::bifurcation;
      if (d.comparison.difference > 0) positive.push_back(d.comparison.difference);
    }
    const auto [least, largest] = std::minmax_element(positive.begin(), positive.end());
    const auto text = [&](auto value) { return positive.empty() ? "" : fmt::format("{:.2e}", *value); };
    fmt::print(line, bits_of(dtype), rival.name, pairs,
               fmt::format("{:.2f}", 100 * static_cast<double>(zeros) / static_cast<double>(pairs)), text(least),
               text(largest), compensations, bifurcations);
  }
}

void run(const Options& options) {
  const Device device = options.study.run.start(name);
  const Split images = options.study.load();
  PairPlan plan = options.pairs.plan;
  plan.settings.device = device;
  const ModelFactory make_model = options.study.model(images);
  pairs_of(plan, images.train);  // finds out now what cannot be
  check_weights(plan, make_model);
  const OutputDirectory out(
      options.study.run.output, options.context(images, device),
      std::vector<std::string>{ThresholdResults::differences_name, ThresholdResults::thresholds_name,
                               ThresholdResults::histogram_name});
  ThresholdResults results(out, options.study.network.name, images.train.name);
  const Dataset dataset = images.train.to(device);  // once for all draws
  const auto may_start = [&] { return options.study.has_time(); };
  bool complete = true;
  for (DType dtype : options.pairs.precisions) {
    if (!complete) break;
    plan.settings.dtype = dtype;
    complete = measure_differences(results, plan, make_model, dataset, options.pairs.norm, may_start);
    if (complete && !options.study.run.quiet) print_differences(dtype, results.differences());
  }
  for (const Threshold& threshold : thresholds_of(results.differences()))
    fmt::print("{} bits, {}: {}\n", bits_of(threshold.dtype), threshold.rule,
               std::isnan(threshold.tau) ? "none" : fmt::format("{:.3e}", threshold.tau));
  if (!complete) options.study.print_out_of_time(name);
}

}  // namespace

int main(int argc, char** argv) {
  CommandLine line(name, "Finds thresholds between rounding and bifurcation by comparing pairs of programs.");
  Options options;
  options.add(line);
  return line.main(
      argc, argv, [&](const std::string& command) { options.finish(command); }, [&] { run(options); });
}
