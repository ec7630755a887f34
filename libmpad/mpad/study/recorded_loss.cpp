// SPDX-License-Identifier: MIT
#include <mpad/ops.h>
#include <mpad/study/recorded_loss.h>

#include <algorithm>
#include <cmath>

namespace mpad {
namespace {

// Whether this is a tie rule, and one whose weight is exactly 1 where there is no tie.
bool is_plain_rule(const Choices& choices) {
  return choices.ties && choices.ties->kind() != TieRule::Kind::beta && choices.ties->kind() != TieRule::Kind::custom &&
         choices.relu0.value_or(0) == 0 && !choices.norm_at_zero && !choices.summation_order;
}

}  // namespace

RecordedLoss::RecordedLoss(Module& model, const Batch& batch) : parameters_(parameters(model)) {
  TieCounter counter(model);
  loss_ = cross_entropy(model(batch.images), batch.labels);
  ties_ = counter.layers();
  value_ = loss_.item();
}

std::vector<NamedTensor> RecordedLoss::differentiate(const Choices& choices, bool in_double) {
  std::vector<Tensor> leaves;
  for (const NamedTensor& parameter : parameters_) leaves.push_back(parameter.tensor);
  const std::vector<Tensor> found = tape_.gradients(loss_, leaves, {.choices = choices, .in_double = in_double});
  std::vector<NamedTensor> gradients;
  for (std::size_t i = 0; i < found.size(); ++i) gradients.push_back({parameters_[i].path, found[i]});
  return gradients;
}

ProgramGradients RecordedLoss::gradients(const Choices& choices) {
  ProgramGradients result{.computed = differentiate(choices, false)};
  if (loss_.dtype() == DType::f64 && !choices.summation_order) {
    result.replayed = result.computed;
    return result;
  }
  Choices in_order = choices;
  in_order.summation_order.reset();
  result.replayed = differentiate(in_order, true);
  return result;
}

bool RecordedLoss::cannot_differ(const Choices& first, const Choices& second) const {
  const bool no_gradient_meets_a_tie = std::all_of(ties_.begin(), ties_.end(), [](const LayerTies& pool) {
    return pool.positive_ties == 0 && (pool.zero_ties == 0 || pool.behind_relu);
  });
  return std::isfinite(value_) && is_plain_rule(first) && is_plain_rule(second) && no_gradient_meets_a_tie;
}

Comparison compare(RecordedLoss& loss, const Choices& first, const Choices& second, VectorNorm norm) {
  if (loss.cannot_differ(first, second)) return {};
  return compare(loss.gradients(first), loss.gradients(second), norm);
}

}  // namespace mpad
