// SPDX-License-Identifier: MIT
// How often two programs' gradients differ, and whether over the reals: zones --help.
#include "support/command_line.h"
#include "support/lists.h"
#include "support/option_group.h"
#include "support/pair_options.h"
#include "support/study_options.h"

#include <mpad/study/zone_results.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <map>

using namespace mpad;

namespace {

constexpr const char* name = "zones";

struct Options {
  void add(CommandLine& line);
  void finish(const std::string& command);
  std::vector<NamedValue> context(const Split& images, Device device) const;

  StudyOptions study{};
  PairOptions pairs{VectorNorm::infinity};
  Program first{}, second{};
  std::vector<std::int64_t> batch_sizes{};
  std::vector<bool> batch_norms{};
  std::vector<double> thresholds{};  // empty: the study's, of each precision
  bool tau_sweep = false, reordered = false;

 private:
  std::string first_ = "native", second_ = "minimal", batch_sizes_ = "128", batch_norms_ = "off", thresholds_{};
};

void Options::add(CommandLine& line) {
  study.add(line, "pairs.csv, ties.csv, summary.csv and run.json");
  Group programs(line, "Programs to compare");
  const std::string kinds =
      ": a tie rule (native, minimal, beta:B, ...), relu0:A for ReLU'(0), or norm:C for the "
      "derivative of norm pools, which the network then has, at 0";
  programs.text("--first", "PROGRAM", first_, "How to differentiate" + kinds);
  programs.text("--second", "PROGRAM", second_, "The same for the other");
  programs.flag("--nondeterministic", reordered,
                "Let the second sum weight gradients in a random order, as atomic additions do");
  pairs.add(line);
  Group group(line, "Cells");
  group.text("--batch-size", "LIST", batch_sizes_, "Images in a mini-batch");
  group.text("--batch-norm", "LIST", batch_norms_, "Without and with normalisation: off, on");
  group.text("--thresholds", "LIST", thresholds_, "Differences D above which a pair is in the zone",
             "1e-3, 1e-7, 1e-15 for 16, 32, 64 bits");
  group.flag("--tau-sweep", tau_sweep, "Count the zone above every power of ten from 1e-18 to 1 as well");
}

std::int64_t parse_batch_size(const std::string& option, const std::string& text) {
  const auto size = parse_number<std::int64_t>(option, text);
  require(size > 0, "{}: expected 1 or more, got {}", option, size);
  return size;
}

double parse_threshold(const std::string& option, const std::string& text) {
  const auto threshold = parse_number<double>(option, text);
  require(threshold >= 0 && std::isfinite(threshold), "{}: expected finite numbers of 0 or more, got {}", option, text);
  return threshold;
}

void Options::finish(const std::string& command) {
  study.finish(command);
  pairs.finish();
  first = parse_program("--first", first_);
  second = parse_program("--second", second_);
  const bool norms = first.choices.norm_at_zero.has_value();
  require(norms == second.choices.norm_at_zero.has_value(),
          "--first and --second: expected norm:C for both or neither, got {} and {}", first.name, second.name);
  if (reordered) second.name += "+reordered";
  pairs.plan.settings.pool = norms ? PoolKind::norm : PoolKind::max;
  pairs.plan.settings.seed = study.seed;
  batch_sizes = parse_list("--batch-size", batch_sizes_, parse_batch_size);
  batch_norms = parse_list("--batch-norm", batch_norms_, parse_switch);
  if (!thresholds_.empty()) thresholds = parse_list("--thresholds", thresholds_, parse_threshold);
}

std::vector<NamedValue> Options::context(const Split& images, Device device) const {
  std::vector<NamedValue> values = pairs.context(study.context(images, device));
  values.insert(values.end(), {{"first", first.name},
                               {"second", second.name},
                               {"batch-size", batch_sizes_},
                               {"batch-norm", batch_norms_},
                               {"thresholds", thresholds_.empty() ? "study" : thresholds_},
                               {"tau-sweep", fmt::format("{}", tau_sweep)}});
  return values;
}

double study_threshold(DType dtype) { return dtype == DType::f16 ? 1e-3 : dtype == DType::f32 ? 1e-7 : 1e-15; }

std::vector<double> thresholds_of(const Options& options, DType dtype) {
  constexpr double powers[] = {1e-18, 1e-17, 1e-16, 1e-15, 1e-14, 1e-13, 1e-12, 1e-11, 1e-10, 1e-9,
                               1e-8,  1e-7,  1e-6,  1e-5,  1e-4,  1e-3,  1e-2,  1e-1,  1};
  std::vector<double> thresholds = options.thresholds;
  if (thresholds.empty()) thresholds = {study_threshold(dtype)};
  if (!options.tau_sweep) return thresholds;
  for (double tau : powers)
    if (std::find(thresholds.begin(), thresholds.end(), tau) == thresholds.end()) thresholds.push_back(tau);
  return thresholds;
}

std::vector<ZoneCell> cells_of(const Options& options, const Split& images, Device device) {
  std::vector<ZoneCell> cells;
  for (DType dtype : options.pairs.precisions)
    for (bool batch_norm : options.batch_norms)
      for (std::int64_t batch_size : options.batch_sizes) {
        ZoneCell cell{.network = options.study.network.name,
                      .dataset = images.train.name,
                      .plan = options.pairs.plan,
                      .first = options.first,
                      .second = options.second,
                      .norm = options.pairs.norm,
                      .reordered = options.reordered,
                      .thresholds = thresholds_of(options, dtype)};
        cell.plan.settings.dtype = dtype;
        cell.plan.settings.batch_norm = batch_norm;
        cell.plan.settings.batch_size = batch_size;
        cell.plan.settings.device = device;
        pairs_of(cell.plan, images.train);  // finds out now what cannot be
        cells.push_back(cell);
      }
  return cells;
}

constexpr const char* line = "{:>4}  {:>5}  {:>5}  {:>5}  {:<28}  {:<28}  {:<28}  {:>6}  {:>7}\n";

std::string percent(const Share& share) {
  return fmt::format("{:6.2f} [{:6.2f}, {:6.2f}]", 100 * share.share, 100 * share.low, 100 * share.high);
}

void print_head(const Options& options) {
  fmt::print("{} against {} on {}: shares of pairs in % with 95 % intervals\n", options.first.name, options.second.name,
             options.study.network.name);
  fmt::print(line, "bits", "norm", "batch", "pairs", "zone", "bifurcation", "compensation", "ties>0", "s/pair");
}

// `seconds` were needed for those of the pairs that are `added`.
void print_cell(const ZoneCell& cell, const std::vector<ZonePair>& pairs, std::size_t added, double seconds) {
  std::map<std::string, Share> shares;
  for (const ZoneShare& share : shares_of(pairs, cell.thresholds)) shares.emplace(share.quantity, share.share);
  const auto ties = shares.find("positive_ties");
  fmt::print(line, bits_of(cell.plan.settings.dtype), cell.plan.settings.batch_norm ? "on" : "off",
             cell.plan.settings.batch_size, pairs.size(), percent(shares["zone"]), percent(shares["bifurcation"]),
             percent(shares["compensation"]),
             ties == shares.end() ? "" : fmt::format("{:.2f}", 100 * ties->second.share),
             added == 0 ? "" : fmt::format("{:.3f}", seconds / static_cast<double>(added)));
  std::fflush(stdout);
}

void run(const Options& options) {
  const Device device = options.study.run.start(name);
  const Split images = options.study.load();
  const std::vector<ZoneCell> cells = cells_of(options, images, device);
  const ModelFactory make_model = options.study.model(images);
  for (bool batch_norm : options.batch_norms) {  // what else tells cells apart does not matter to files
    PairPlan plan = cells.front().plan;
    plan.settings.batch_norm = batch_norm;
    check_weights(plan, make_model);
  }
  const OutputDirectory out(
      options.study.run.output, options.context(images, device),
      std::vector<std::string>{ZoneResults::pairs_name, ZoneResults::ties_name, ZoneResults::summary_name});
  ZoneResults results(out, cells);
  const Dataset dataset = images.train.to(device);  // once for all draws
  print_head(options);
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (!options.study.run.quiet) fmt::print(stderr, "{}: cell {} of {}\n", name, i + 1, cells.size());
    const auto start = std::chrono::steady_clock::now();
    const std::size_t before = results.pairs(i).size();
    const auto may_start = [&] { return options.study.has_time(); };
    if (!measure_zones(results, i, make_model, dataset, may_start)) return options.study.print_out_of_time(name);
    print_cell(cells[i], results.pairs(i), results.pairs(i).size() - before,
               std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
}

}  // namespace

int main(int argc, char** argv) {
  CommandLine line(name,
                   "Compares the gradients of two programs on draws of weights, or trained ones, and mini-batches.");
  Options options;
  options.add(line);
  return line.main(
      argc, argv, [&](const std::string& command) { options.finish(command); }, [&] { run(options); });
}
