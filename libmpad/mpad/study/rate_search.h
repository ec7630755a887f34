// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/core/error.h>
#include <mpad/train/trainer.h>

#include <functional>
#include <span>
#include <vector>

namespace mpad {

/// A learning rate on one rung of a search.
struct RateTrial {
  std::int64_t trial = 0;  ///< from 0
  double lr = 0;
  std::int64_t rung = 0, epochs = 0;  ///< from 0; trained so far
  double score = 0;                   ///< accuracy on data.test; 0 once the training has collapsed
  bool kept = false;  ///< goes on to the next rung or, on the last one, is the rate chosen: none if all collapsed
};

/// Rates searched lie between these.
inline constexpr double least_rate = 1e-5, most_rate = 1e-1;

/// The rate of each trial: log-uniform, drawn from the seed. More trials begin with the same rates.
std::vector<double> draw_rates(std::int64_t trials, std::uint64_t seed);

/// Epochs after which trainings are compared: each about twice the one before, the last `epochs`; as many as it takes
/// to halve the trials down to one, or fewer where there are too few epochs.
std::vector<std::int64_t> rung_epochs(std::int64_t trials, std::int64_t epochs);

/// What a search asks and tells while it goes. Without, it begins anew and goes to its end.
struct SearchHooks {
  /// The training of a trial, which may be continued from what after_epoch was told.
  std::function<void(Trainer& trainer)> restore{};
  std::function<void(const Trainer& trainer)> after_epoch{};
  /// Whether there is time for one more epoch.
  std::function<bool()> may_go_on{};
};

/// Searches the learning rate by successive halving (Jamieson and Talwalkar, AISTATS 2016): run 0 of the settings is
/// trained once for each rate of draw_rates, on data.train; on each rung the better half by accuracy on data.test goes
/// on, on the last the best is kept unless it collapsed, the earlier trial where two are as good. The schedule is that
/// of a training of settings.epochs, which the last rung reaches. Rows come by rung, then trial; there are none if time
/// ran out. Throws Error if there is no trial.
std::vector<RateTrial> search_rate(const Settings& settings, std::int64_t trials, const ModelFactory& make_model,
                                   const Split& data, const SearchHooks& hooks = {});

/// What chosen_rate throws where the last trials of a search have all collapsed.
struct NoRate : Error {
  using Error::Error;
};

/// The rate that a search chose, of its rows in their order. Throws NoRate if it chose none, and Error if there are no
/// rows.
double chosen_rate(std::span<const RateTrial> search);

}  // namespace mpad
