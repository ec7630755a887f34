// SPDX-License-Identifier: MIT
#include <mpad/study/thresholds.h>

#include <limits>

namespace mpad {
namespace {

const Choices base{.ties = TieRule::native(), .relu0 = 0, .norm_at_zero = 0};

void add_differences(PairPlan plan, PoolKind pool, std::int64_t draw, const ModelFactory& make_model,
                     const Dataset& dataset, VectorNorm norm, std::vector<Difference>& differences) {
  plan.settings.pool = pool;
  visit_draw(plan, draw, make_model, dataset, [&](const PairIndex& index, RecordedLoss& loss) {
    const ProgramGradients first = loss.gradients(base);
    for (const Rival& rival : rivals()) {
      if (rival.pool != pool) continue;
      Choices choices = rival.choices;
      if (rival.reordered) choices.summation_order = seed_of(plan, index);
      const Comparison comparison = decided(compare(first, loss.gradients(choices), norm), loss, base, choices);
      differences.push_back({plan.settings.dtype, rival.name, index, comparison});
    }
  });
}

// The least or the largest D of those that `counts` takes; NaN if there is none.
template <class Counts>
double extreme(const std::vector<Difference>& differences, bool largest, Counts&& counts) {
  double found = std::numeric_limits<double>::quiet_NaN();
  for (const Difference& d : differences)
    if (counts(d) && !(largest ? d.comparison.difference <= found : d.comparison.difference >= found))
      found = d.comparison.difference;
  return found;
}

}  // namespace

std::vector<Rival> rivals() {
  Choices minimal = base, relu = base, norm = base;
  minimal.ties = TieRule::minimal();
  relu.relu0 = 1;
  norm.norm_at_zero = 1;
  return {{.name = "same", .choices = base},
          {.name = "same-reordered", .choices = base, .reordered = true},
          {.name = "minimal", .choices = minimal},
          {.name = "relu0", .choices = relu},
          {.name = "norm", .choices = norm, .pool = PoolKind::norm}};
}

std::vector<Difference> differences(const PairPlan& plan, std::int64_t draw, const ModelFactory& make_model,
                                    const Dataset& dataset, VectorNorm norm) {
  std::vector<Difference> differences;
  for (PoolKind pool : {PoolKind::max, PoolKind::norm})
    add_differences(plan, pool, draw, make_model, dataset, norm, differences);
  return differences;
}

std::vector<Threshold> thresholds_of(const std::vector<Difference>& differences) {
  std::vector<Threshold> thresholds;
  for (DType dtype : {DType::f16, DType::f32, DType::f64}) {
    std::vector<Difference> same, minimal;
    for (const Difference& d : differences) {
      if (d.dtype == dtype && (d.rival == "same" || d.rival == "same-reordered")) same.push_back(d);
      if (d.dtype == dtype && d.rival == "minimal") minimal.push_back(d);
    }
    if (same.empty()) continue;
    const auto in = [](Zone zone) { return [zone](const Difference& d) { return d.comparison.zone == zone; }; };
    const auto any = [](const Difference&) { return true; };
    const auto positive = [](const Difference& d) { return d.comparison.difference > 0; };
    thresholds.push_back({dtype, "max-same", extreme(same, true, any)});
    thresholds.push_back({dtype, "min-positive", extreme(minimal, false, positive)});
    thresholds.push_back({dtype, "largest-compensation", extreme(minimal, true, in(Zone::compensation))});
    thresholds.push_back({dtype, "smallest-bifurcation", extreme(minimal, false, in(Zone::bifurcation))});
  }
  return thresholds;
}

}  // namespace mpad
