// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/study/rate_search.h>

#include <algorithm>
#include <bit>
#include <cmath>

namespace mpad {
namespace {

// Away from the streams that a training draws from.
constexpr std::uint64_t searching = 0x5ea2;

struct Candidate {
  RateTrial row;
  std::unique_ptr<Trainer> trainer;
  bool collapsed = false;
};

std::vector<Candidate> make_candidates(const Settings& settings, std::int64_t trials, const ModelFactory& make_model,
                                       const Split& data, const SearchHooks& hooks) {
  std::vector<Candidate> candidates;
  for (const double lr : draw_rates(trials, settings.seed)) {
    Settings own = settings;
    own.lr = lr;
    candidates.push_back(
        {{.trial = std::ssize(candidates), .lr = lr}, std::make_unique<Trainer>(own, 0, make_model, data)});
    if (hooks.restore) hooks.restore(*candidates.back().trainer);
  }
  return candidates;
}

// Whether there was time for it. What was restored may be on a later rung already.
bool train_to(Candidate& candidate, std::int64_t rung, std::int64_t epochs, const SearchHooks& hooks) {
  Trainer& trainer = *candidate.trainer;
  while (!trainer.finished() && std::ssize(trainer.results()) < epochs) {
    if (hooks.may_go_on && !hooks.may_go_on()) return false;
    trainer.run_epoch();
    if (hooks.after_epoch) hooks.after_epoch(trainer);
  }
  candidate.row.rung = rung;
  candidate.row.epochs = std::min(epochs, std::ssize(trainer.results()));
  const EpochResult& last = trainer.results()[static_cast<std::size_t>(candidate.row.epochs - 1)];
  candidate.collapsed = !collapse_of(last).empty();
  candidate.row.score = candidate.collapsed ? 0 : last.test.accuracy;
  return true;
}

// Marks the best, the earlier ones where some are as good.
void keep_best(std::vector<Candidate>& candidates, std::int64_t count) {
  std::vector<Candidate*> order;
  for (Candidate& candidate : candidates) order.push_back(&candidate);
  std::stable_sort(order.begin(), order.end(),
                   [](const Candidate* a, const Candidate* b) { return a->row.score > b->row.score; });
  for (std::size_t i = 0; i < order.size(); ++i) order[i]->row.kept = static_cast<std::int64_t>(i) < count;
}

// Marks the best of the last rung, which nobody chose if it collapsed.
void choose(std::vector<Candidate>& candidates) {
  keep_best(candidates, 1);
  for (Candidate& candidate : candidates) candidate.row.kept = candidate.row.kept && !candidate.collapsed;
}

}  // namespace

std::vector<double> draw_rates(std::int64_t trials, std::uint64_t seed) {
  Rng rng = Rng(seed).split(searching);
  std::vector<double> rates;
  for (std::int64_t i = 0; i < trials; ++i)
    rates.push_back(least_rate * std::pow(most_rate / least_rate, rng.uniform()));
  return rates;
}

std::vector<std::int64_t> rung_epochs(std::int64_t trials, std::int64_t epochs) {
  const int halvings = std::bit_width(static_cast<std::uint64_t>(trials - 1));
  std::vector<std::int64_t> rungs;
  for (int left = std::max(0, halvings - 1); left >= 0; --left) {
    const std::int64_t share = std::int64_t{1} << left, reached = (epochs + share - 1) / share;
    if (rungs.empty() || rungs.back() < reached) rungs.push_back(reached);
  }
  return rungs;
}

std::vector<RateTrial> search_rate(const Settings& settings, std::int64_t trials, const ModelFactory& make_model,
                                   const Split& data, const SearchHooks& hooks) {
  require(trials > 0, "search_rate: expected a trial or more, got {}", trials);
  const Split there = data.to(settings.device);  // once for all trials
  std::vector<Candidate> candidates = make_candidates(settings, trials, make_model, there, hooks);
  const std::vector<std::int64_t> rungs = rung_epochs(trials, settings.epochs);
  std::vector<RateTrial> rows;
  for (std::int64_t rung = 0; rung < std::ssize(rungs); ++rung) {
    for (Candidate& candidate : candidates)
      if (!train_to(candidate, rung, rungs[static_cast<std::size_t>(rung)], hooks)) return {};
    if (rung + 1 == std::ssize(rungs))
      choose(candidates);
    else
      keep_best(candidates, (std::ssize(candidates) + 1) / 2);
    for (const Candidate& candidate : candidates) rows.push_back(candidate.row);
    std::erase_if(candidates, [](const Candidate& candidate) { return !candidate.row.kept; });
  }
  return rows;
}

double chosen_rate(std::span<const RateTrial> search) {
  require(!search.empty(), "chosen_rate: expected the rows of a search, got none");
  for (const RateTrial& row : search)
    if (row.kept && row.rung == search.back().rung) return row.lr;
  throw NoRate("chosen_rate: expected a trial that does not collapse, got none on the last rung of the search");
}

}  // namespace mpad
