// SPDX-License-Identifier: MIT
#include "pair_options.h"

#include "lists.h"
#include "option_group.h"

namespace mpad {
namespace {

DType parse_bits(const std::string& option, const std::string& text) {
  for (const DType dtype : {DType::f16, DType::f32, DType::f64})
    if (text == std::to_string(bits_of(dtype))) return dtype;
  fail_choice(option, {"16", "32", "64"}, text);
}

}  // namespace

void PairOptions::add(CommandLine& line) {
  Group group(line, "Pairs of weights and mini-batch");
  group.text("--bits", "LIST", bits_, "Precisions: 16, 32, 64");
  group.choice("--init", plan.init, {Init::volume, Init::network},
               "How weights are drawn: as the study does for volumes, or as to train the network");
  group.number("--draws", "N", plan.draws, "Draws of weights; draw k has seed --seed + k");
  group.text("--weights", "LIST", weights_,
             "Networks that trainers have exported (--export): a draw of each file, whatever --init and --draws say");
  group.number("--batches", "N", plan.batches,
               "Mini-batches of each draw, which goes on where the last one ended; 0 means all");
  group.number("--noise", "SIGMA", plan.noise, "Deviation of normal noise that is added to the images");
  group.choice("--norm", norm, {VectorNorm::infinity, VectorNorm::one},
               "Norm of a tensor's difference; D is their sum over the parameters");
}

void PairOptions::finish() {
  precisions = parse_list("--bits", bits_, parse_bits);
  if (!weights_.empty()) {
    plan.weights = split_list("--weights", weights_);
    plan.draws = static_cast<std::int64_t>(plan.weights.size());
    plan.init = Init::trained;
  }
  check(plan);
}

std::vector<NamedValue> PairOptions::context(std::vector<NamedValue> of_study) const {
  of_study.insert(of_study.end(), {{"bits", bits_},
                                   {"init", to_string(plan.init)},
                                   {"draws", std::to_string(plan.draws)},
                                   {"weights", weights_.empty() ? "drawn" : weights_},
                                   {"batches", std::to_string(plan.batches)},
                                   {"noise", fmt::format("{}", plan.noise)},
                                   {"norm", to_string(norm)}});
  return of_study;
}

}  // namespace mpad
