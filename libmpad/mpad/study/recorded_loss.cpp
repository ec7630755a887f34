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

// The two largest primes of a PrimeField.
constexpr std::int64_t primes[] = {65521, 65519};

// The choices of a replay, which reorders nothing.
Choices in_order(Choices choices) {
  choices.summation_order.reset();
  return choices;
}

}  // namespace

RecordedLoss::RecordedLoss(Module& model, const Batch& batch) : parameters_(parameters(model)) {
  for (const NamedTensor& parameter : parameters_) leaves_.push_back(parameter.tensor);
  TieCounter counter(model);
  loss_ = cross_entropy(model(batch.images), batch.labels);
  ties_ = counter.layers();
  value_ = loss_.item();
}

std::vector<NamedTensor> RecordedLoss::named(const std::vector<Tensor>& gradients) const {
  std::vector<NamedTensor> result;
  for (std::size_t i = 0; i < gradients.size(); ++i) result.push_back({parameters_[i].path, gradients[i]});
  return result;
}

bool RecordedLoss::is_its_replay(const Choices& choices) const {
  return loss_.dtype() == DType::f64 && !choices.summation_order;
}

ProgramGradients RecordedLoss::gradients(const Choices& choices) {
  const std::vector<NamedTensor> computed = named(tape_.gradients(loss_, leaves_, {.choices = choices}));
  if (is_its_replay(choices)) return {computed, computed};
  return {computed, named(tape_.gradients(loss_, leaves_, {.choices = in_order(choices), .in_double = true}))};
}

std::pair<ProgramGradients, ProgramGradients> RecordedLoss::gradients(const Choices& first, const Choices& second) {
  const auto [a, b] = tape_.gradients(loss_, leaves_, {.choices = first}, second);
  const std::vector<NamedTensor> computed_a = named(a), computed_b = named(b);
  if (is_its_replay(first) && is_its_replay(second)) return {{computed_a, computed_a}, {computed_b, computed_b}};
  const auto [c, d] =
      tape_.gradients(loss_, leaves_, {.choices = in_order(first), .in_double = true}, in_order(second));
  return {{computed_a, named(c)}, {computed_b, named(d)}};
}

bool RecordedLoss::differ(const Choices& first, const Choices& second) {
  return std::any_of(std::begin(primes), std::end(primes), [&](std::int64_t prime) {
    const PrimeField field(prime);
    const auto [a, b] =
        tape_.gradients(loss_, leaves_, {.choices = in_order(first), .modulo = &field}, in_order(second));
    return compare({.computed = named(a)}, {.computed = named(b)}, VectorNorm::infinity).difference > 0;
  });
}

bool RecordedLoss::cannot_differ(const Choices& first, const Choices& second) const {
  const bool no_gradient_meets_a_tie = std::all_of(ties_.begin(), ties_.end(), [](const LayerTies& pool) {
    return pool.positive_ties == 0 && (pool.zero_ties == 0 || pool.behind_relu);
  });
  return std::isfinite(value_) && is_plain_rule(first) && is_plain_rule(second) && no_gradient_meets_a_tie;
}

Comparison compare(RecordedLoss& loss, const Choices& first, const Choices& second, VectorNorm norm) {
  if (loss.cannot_differ(first, second)) return {};
  const auto [a, b] = loss.gradients(first, second);
  return decided(compare(a, b, norm), loss, first, second);
}

Comparison decided(Comparison comparison, RecordedLoss& loss, const Choices& first, const Choices& second) {
  const bool open = comparison.zone == Zone::none || comparison.zone == Zone::compensation;
  if (open && loss.differ(first, second)) comparison.zone = Zone::bifurcation;
  return comparison;
}

}  // namespace mpad
