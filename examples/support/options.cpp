// SPDX-License-Identifier: MIT
#include "options.h"

#include "help_format.h"
#include "option_group.h"

#include <mpad/core/check.h>
#include <mpad/core/suggest.h>
#include <mpad/version.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <span>
#include <string_view>
#include <vector>

namespace mpad {
namespace {

// What takes more than a conversion to become a setting.
struct Texts {
  std::string bits = "32", ties = "native", device = "auto", dataset{};
  std::optional<double> lr{};
  bool resume = false, force = false;
};

std::vector<std::string> names_of(const std::vector<DataSource>& sources) {
  std::vector<std::string> names;
  for (const DataSource& source : sources) names.push_back(source.name);
  return names;
}

void add_data_options(CLI::App& app, const Recipe& recipe, Options& o, Texts& texts) {
  const std::string &first = recipe.datasets.front().name, &last = recipe.datasets.back().name;
  Group group(app, "Data");
  group.text("--data", "DIR", o.data_directory, "Directory of the data set, or one above it")
      ->default_str("$MPAD_DATA");
  group.text("--dataset", "NAME", texts.dataset, "Images to train on: " + joined(names_of(recipe.datasets)))
      ->default_str(first + " if found, else " + last);
  group.number("--train-limit", "N", o.train_limit, "Train on the first N images; 0 means all");
  group.number("--test-limit", "N", o.test_limit, "Test on the first N images; 0 means all");
  if (recipe.can_augment) group.flag("--augment", o.augment, "Crop and mirror training images at random");
  if (recipe.image_size == 0) return;
  o.image_size = recipe.image_size;
  group.number("--image-size", "N", o.image_size, "Pixels of both sides of images from files");
  group.number("--workers", "N", o.workers, "Threads that read images from files, 0 for as many as compute");
}

void add_architecture_options(CLI::App& app, const Recipe& recipe, Options& o) {
  Group group(app, "Network and its nonsmooth choices");
  if (!recipe.depths.empty()) {
    o.architecture.depth = recipe.depths.front();
    group.number("--depth", fmt::format("{}", fmt::join(recipe.depths, "|")).c_str(), o.architecture.depth,
                 "Layers with weights");
  }
  if (recipe.has_stems)
    group.choice("--stem", o.architecture.stem, {Stem::cifar, Stem::imagenet, Stem::imagenet_3x3},
                 "First layers: for small images; for large ones with the study's pool, or the usual one");
}

void add_network_options(CLI::App& app, const Recipe& recipe, Options& o, Texts& texts) {
  add_architecture_options(app, recipe, o);
  Settings& s = o.settings;
  Group group(app, "Network and its nonsmooth choices");
  group.text("--bits", "16|32|64|mixed", texts.bits,
             "Precision of everything; mixed: 16 with master weights and statistics in 32, and a scaled loss");
  group.text("--ties", "RULE", texts.ties, "Tied maxima's gradient: native, last, minimal, beta:B, random:SEED, all");
  group.number("--relu0", "A", s.relu0, "Derivative of ReLU at 0");
  group.flag("--batch-norm", s.batch_norm, "Normalise batches, where the study's network does");
  if (recipe.has_study_norms)
    group.flag("--study-norms", o.architecture.study_norms,
               "With --batch-norm: normalise behind the stem and the last block only, as the study did");
  group.choice("--pool", s.pool, {PoolKind::max, PoolKind::average, PoolKind::norm}, "What pools compute of a window");
  group.number("--norm-at-zero", "C", s.norm_at_zero, "Derivative of norm pools where a window is 0");
  group.choice("--pool-forward", s.pool_forward, {PoolForward::exact, PoolForward::composed},
               "Pool's forward: the maximum, or the study's sum of two");
  group.choice("--pool-backward", s.pool_backward,
               {PoolBackward::fused, PoolBackward::composed, PoolBackward::standard},
               "Pool's backward: rounded once, term by term, or native whatever --ties");
  group.choice("--accumulate", s.accumulate, {Accumulate::wide, Accumulate::narrow},
               "Pool's backward sums: 16 bits in float, or all in their own precision");
  group.text("--weights", "FILE", s.weights, "Start from PyTorch's weights in a safetensors file");
}

void add_optimizer_options(CLI::App& app, const Recipe& recipe, Options& o, Texts& texts) {
  using enum OptimizerKind;
  Settings& s = o.settings;
  Group group(app, "Optimization");
  group.choice("--optimizer", s.optimizer, {sgd, adam, adamw}, "Update rule");
  const auto rates = [](const DefaultRates& lr) {
    return fmt::format("{}; {} for sgd in 16 bits, {} for adam", lr.sgd, lr.sgd16, lr.adam);
  };
  group.number<double>("--lr", "RATE", texts.lr, "Learning rate",
                       rates(recipe.lr) + "; with batch norm " + rates(recipe.lr_batch_norm));
  group.number("--momentum", "M", s.momentum, "Momentum of sgd");
  group.flag("--nesterov", s.nesterov, "Nesterov's momentum");
  group.number("--epsilon", "E", s.epsilon, "Epsilon of adam; 0 means 1e-8, or 1e-4 in 16 bits");
  group.number("--weight-decay", "D", s.weight_decay, "Weight decay");
  group.choice("--schedule", s.schedule, {Schedule::Kind::constant, Schedule::Kind::step, Schedule::Kind::cosine},
               "Learning rate over the epochs");
  group.number("--step-every", "E", s.step_every, "Schedule step: epochs between two reductions");
  group.number("--step-factor", "F", s.step_factor, "Schedule step: factor of each");
  group.number("--warmup", "E", s.warmup, "Epochs of linear warm-up before the schedule");
  group.number("--epochs", "N", s.epochs, "Passes over the training images");
  group.number("--batch-size", "N", s.batch_size, "Images in a step");
}

void add_run_options(CLI::App& app, Options& o, Texts& texts) {
  Group group(app, "Runs and results");
  group.number("--seed", "N", o.settings.seed, "Seed of the first run; run k has seed N + k");
  group.number("--runs", "N", o.settings.runs, "Trainings, one after the other");
  group.number("--threads", "N", o.threads, "CPU threads, 0 for all cores; results do not depend on it");
  group.text("--device", "cpu|cuda|auto", texts.device, "Where to compute; auto: CUDA if it can be used");
  group.text("--out", "DIR", o.output.directory, "Write results.csv, run.json and checkpoints here");
  group.text("--export", "FILE", o.output.weights, "Write the last run's weights for PyTorch, as safetensors");
  group.flag("--resume", texts.resume, "Continue what is in --out, to the same bits as without a stop");
  group.flag("--force", texts.force, "Overwrite what is in --out");
  group.flag("--quiet", o.quiet, "Print the summary only");
}

void parse_bits(const std::string& text, Settings& s) {
  s.mixed = text == "mixed";
  s.dtype = DType::f16;
  if (s.mixed) return;
  for (const DType dtype : {DType::f16, DType::f32, DType::f64})
    if (text == std::to_string(bits_of(dtype))) {
      s.dtype = dtype;
      return;
    }
  fail_choice("--bits", {"16", "32", "64", "mixed"}, text);
}

std::optional<Device> parse_device(const std::string& text) {
  if (text == "auto") return std::nullopt;
  for (Device device : {Device::cpu, Device::cuda})
    if (text == to_string(device)) return device;
  fail_choice("--device", {"cpu", "cuda", "auto"}, text);
}

double default_rate(const Settings& s, const DefaultRates& lr) {
  if (s.optimizer != OptimizerKind::sgd) return lr.adam;
  return s.dtype == DType::f16 && !s.mixed ? lr.sgd16 : lr.sgd;
}

DataSource find_source(const Recipe& recipe, const std::string& name) {
  for (const DataSource& source : recipe.datasets)
    if (source.name == name) return source;
  fail_choice("--dataset", names_of(recipe.datasets), name);
}

// Chooses the data set: the one asked for, or the first if a directory is given for it, or the last.
void locate_data(const Recipe& recipe, const std::string& dataset, Options& o) {
  const char* variable = std::getenv("MPAD_DATA");
  const DataSource& first = recipe.datasets.front();
  bool found = !o.data_directory.empty();
  if (!found && variable != nullptr && *variable != '\0') {
    o.data_directory = variable;
    found = std::filesystem::is_directory(std::filesystem::path(variable) / first.name);
  }
  o.source = !dataset.empty() ? find_source(recipe, dataset) : found ? first : recipe.datasets.back();
  require(!o.source.on_disk || !o.data_directory.empty(), "--dataset {}: expected --data DIR or $MPAD_DATA to hold it",
          o.source.name);
}

void check_architecture(const Recipe& recipe, const Architecture& architecture, bool batch_norm) {
  const std::vector<int>& depths = recipe.depths;
  require(depths.empty() || std::find(depths.begin(), depths.end(), architecture.depth) != depths.end(),
          "--depth: expected {}, got {}", fmt::join(depths, "|"), architecture.depth);
  require(!architecture.study_norms || batch_norm, "--study-norms: expected --batch-norm");
}

void finish(const Recipe& recipe, const Texts& texts, Options& o) {
  Settings& s = o.settings;
  parse_bits(texts.bits, s);
  s.ties = TieRule::parse(texts.ties);
  o.device = parse_device(texts.device);
  s.lr = texts.lr.value_or(default_rate(s, s.batch_norm ? recipe.lr_batch_norm : recipe.lr));
  check_architecture(recipe, o.architecture, s.batch_norm);
  check(s);
  require(o.threads >= 0 && o.threads <= 1024, "--threads: expected 0 to 1024, got {}", o.threads);
  require(o.train_limit >= 0 && o.test_limit >= 0, "--train-limit and --test-limit: expected 0 or more, got {} and {}",
          o.train_limit, o.test_limit);
  require(recipe.image_size == 0 || (o.image_size > 0 && o.image_size <= 4096),
          "--image-size: expected 1 to 4096, got {}", o.image_size);
  require(o.workers >= 0 && o.workers <= 1024, "--workers: expected 0 to 1024, got {}", o.workers);
  require(!texts.resume || !texts.force, "expected --resume or --force, got both");
  require(!o.output.directory.empty() || !(texts.resume || texts.force), "--resume and --force: expected --out DIR");
  o.output.existing = texts.resume ? Existing::resume : texts.force ? Existing::overwrite : Existing::refuse;
  locate_data(recipe, texts.dataset, o);
}

void refuse_extras(const CLI::App& app) {
  const std::vector<std::string> extras = app.remaining();
  if (extras.empty()) return;
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options())
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  const std::vector<std::string_view> views(names.begin(), names.end());
  fail("expected an option, got '{}'{}; --help lists them", extras[0], suggest(extras[0], views));
}

// The parser would take the next option for the value.
void refuse_empty_values(int argc, const char* const* argv) {
  for (const std::string_view argument : std::span(argv, static_cast<std::size_t>(argc)).subspan(1))
    require(!argument.starts_with("--") || !argument.ends_with('='), "{}: expected a value, got none",
            argument.substr(0, argument.size() - 1));
}

std::string command_line(int argc, const char* const* argv) {
  std::string text = argv[0];
  for (int i = 1; i < argc; ++i) text += " " + std::string(argv[i]);
  return text;
}

}  // namespace

std::optional<Options> parse_options(const Recipe& recipe, int argc, const char* const* argv) {
  Options options;
  Texts texts;
  CLI::App app(recipe.about, recipe.name);
  app.formatter(std::make_shared<HelpFormat>());
  app.get_formatter()->column_width(46);
  app.set_help_flag("-h,--help", "Print this help");
  app.set_version_flag("--version", fmt::format("{} {}", recipe.name, version()), "Print the version");
  app.allow_extras();
  add_data_options(app, recipe, options, texts);
  add_network_options(app, recipe, options, texts);
  add_optimizer_options(app, recipe, options, texts);
  add_run_options(app, options, texts);
  refuse_empty_values(argc, argv);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& request) {
    app.exit(request);
    return std::nullopt;
  } catch (const CLI::ParseError& error) {
    fail("{}", error.what());
  }
  refuse_extras(app);
  finish(recipe, texts, options);
  options.output.command = command_line(argc, argv);
  return options;
}

}  // namespace mpad
