// SPDX-License-Identifier: MIT
#include "model_options.h"

#include "option_group.h"

#include <fmt/ranges.h>

#include <algorithm>

namespace mpad {
namespace {

constexpr const char* model_title = "Network and its nonsmooth choices";

}  // namespace

Precision parse_precision(const std::string& option, const std::string& text) {
  if (text == "mixed") return {DType::f16, true};
  for (const DType dtype : {DType::f16, DType::f32, DType::f64})
    if (text == std::to_string(bits_of(dtype))) return {dtype};
  fail_choice(option, {"16", "32", "64", "mixed"}, text);
}

void add_pool_details(CommandLine& line, Settings& s) {
  Group group(line, model_title);
  group.choice<std::optional<PoolForward>>("--pool-test-forward", s.pool_test_forward,
                                           {std::nullopt, PoolForward::exact, PoolForward::composed},
                                           "Pool's forward when testing");
  group.choice("--accumulate", s.accumulate, {Accumulate::wide, Accumulate::narrow},
               "Pool's backward sums: 16 bits in float, or all in their own precision");
}

void add_pool_options(CommandLine& line, Settings& s) {
  Group group(line, model_title);
  group.choice("--pool-forward", s.pool_forward, {PoolForward::exact, PoolForward::composed},
               "Pool's forward: the maximum, or the study's sum of two");
  group.choice("--pool-backward", s.pool_backward,
               {PoolBackward::fused, PoolBackward::composed, PoolBackward::standard},
               "Pool's backward: rounded once, term by term, or native whatever --ties");
  add_pool_details(line, s);
}

void ModelOptions::add_architecture(CommandLine& line, const Recipe& recipe) {
  Group group(line, model_title);
  if (!recipe.depths.empty()) {
    architecture.depth = recipe.depths.front();
    group.number("--depth", fmt::format("{}", fmt::join(recipe.depths, "|")), architecture.depth,
                 "Layers with weights");
  }
  if (recipe.has_stems)
    group.choice("--stem", architecture.stem, {Stem::cifar, Stem::imagenet, Stem::imagenet_3x3},
                 "First layers: for small images; for large ones with the study's pool, or the usual one");
}

void ModelOptions::add(CommandLine& line, const Recipe& recipe, Settings& s) {
  add_architecture(line, recipe);
  Group group(line, model_title);
  group.text("--bits", "16|32|64|mixed", bits_,
             "Precision of everything; mixed: 16 with master weights and statistics in 32, and a scaled loss");
  group.text("--ties", "RULE", ties_, "Tied maxima's gradient: native, last, minimal, beta:B, random:SEED, all");
  group.number("--relu0", "A", s.relu0, "Derivative of ReLU at 0");
  group.flag("--batch-norm", s.batch_norm, "Normalise batches, where the study's network does");
  if (recipe.has_study_norms)
    group.flag("--study-norms", architecture.study_norms,
               "With --batch-norm: normalise behind the stem and the last block only, as the study did");
  group.choice("--pool", s.pool, {PoolKind::max, PoolKind::average, PoolKind::norm}, "What pools compute of a window");
  group.number("--norm-at-zero", "C", s.norm_at_zero, "Derivative of norm pools where a window is 0");
  add_pool_options(line, s);
  group.text("--weights", "FILE", s.weights, "Start from PyTorch's weights in a safetensors file");
}

void ModelOptions::finish(const Recipe& recipe, Settings& s) {
  const auto [dtype, mixed] = parse_precision("--bits", bits_);
  s.dtype = dtype;
  s.mixed = mixed;
  s.ties = TieRule::parse(ties_);
  const std::vector<int>& depths = recipe.depths;
  require(depths.empty() || std::find(depths.begin(), depths.end(), architecture.depth) != depths.end(),
          "--depth: expected {}, got {}", fmt::join(depths, "|"), architecture.depth);
  require(!architecture.study_norms || s.batch_norm, "--study-norms: expected --batch-norm");
}

}  // namespace mpad
