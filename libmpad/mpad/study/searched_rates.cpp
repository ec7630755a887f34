// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/study/held_out.h>
#include <mpad/study/searched_rates.h>
#include <mpad/study/unfinished_run.h>
#include <mpad/train/atomic_file.h>
#include <mpad/train/csv.h>

#include <algorithm>

namespace mpad {
namespace {

constexpr std::string_view rates_header =
    "network,dataset,bits,optimizer,batch_norm,beta,trial,lr,rung,epochs,score,kept";

// The name of a search: a cell's, without forward and backward.
CellName search_name(CellName cell) {
  cell.forward = cell.backward = cell.test_forward = "";
  return cell;
}

}  // namespace

const char* to_string(RateSearchOptions::Select select) {
  return select == RateSearchOptions::Select::held_out ? "held-out" : "test";
}

std::string to_csv(const std::vector<SearchRow>& rows) {
  std::string text = fmt::format("{}\n", rates_header);
  for (const auto& [c, t] : rows)
    text += fmt::format("{},{},{},{},{},{},{},{},{},{},{},{}\n", c.network, c.dataset, c.bits, c.optimizer,
                        c.batch_norm, c.beta, t.trial, csv_text(t.lr), t.rung, t.epochs, csv_text(t.score), t.kept);
  return text;
}

std::vector<SearchRow> parse_searches(std::string_view text, const std::string& source) {
  std::vector<SearchRow> rows;
  for (const CsvRow& row : read_csv(text, rates_header, source))
    rows.push_back({.cell = {.network = row.text(0),
                             .dataset = row.text(1),
                             .bits = row.text(2),
                             .optimizer = row.text(3),
                             .batch_norm = row.text(4),
                             .beta = row.text(5)},
                    .trial = {.trial = row.whole(6),
                              .lr = row.real(7),
                              .rung = row.whole(8),
                              .epochs = row.whole(9),
                              .score = row.real(10),
                              .kept = row.text(11) == "true"}});
  return rows;
}

SearchedRates::SearchedRates(const OutputDirectory& directory, const RateSearchOptions& options)
    : directory_(&directory), options_(options) {
  if (!directory.has(file_name)) return;
  const std::string file = directory.file(file_name);
  rows_ = parse_searches(read_file(file), file);
}

std::vector<RateTrial> SearchedRates::trials_of(const CellName& cell) const {
  std::vector<RateTrial> trials;
  for (const SearchRow& row : rows_)
    if (row.cell == cell) trials.push_back(row.trial);
  return trials;
}

std::optional<double> SearchedRates::rate(const std::string& network, const Settings& settings,
                                          const ModelFactory& make_model, const Split& data,
                                          const std::function<bool()>& may_go_on) {
  const CellName cell = search_name(name_of(network, data.train.name, settings));
  const auto state_at = [&](double lr) {
    Settings searching = settings;
    searching.epochs = options_.epochs;
    searching.lr = lr;
    return UnfinishedRun(
        *directory_, searching,
        {{"network", cell.network}, {"dataset", cell.dataset}, {"searched on", to_string(options_.select)}});
  };
  std::vector<RateTrial> trials = trials_of(cell);
  if (trials.empty()) {
    trials = search(settings, make_model, data,
                    {.restore = [&](Trainer& t) { state_at(t.settings().lr).restore(t); },
                     .after_epoch = [&](const Trainer& t) { state_at(t.settings().lr).save(t); },
                     .may_go_on = may_go_on});
    if (trials.empty()) return std::nullopt;
    for (const RateTrial& trial : trials) rows_.push_back({cell, trial});
    directory_->write(file_name, to_csv(rows_));
  }
  // Once the rows are there, and again after a kill between.
  for (const RateTrial& trial : trials) state_at(trial.lr).remove();
  return chosen_rate(trials);
}

std::vector<RateTrial> SearchedRates::search(Settings settings, const ModelFactory& make_model, const Split& data,
                                             const SearchHooks& hooks) const {
  settings.epochs = options_.epochs;
  check(settings);
  const bool on_test = options_.select == RateSearchOptions::Select::test;
  const std::int64_t tenth = std::max<std::int64_t>(1, data.train.size() / 10);
  const Split judged = on_test ? data : hold_out(data.train, tenth, settings.seed);
  return search_rate(settings, options_.trials, make_model, judged, hooks);
}

}  // namespace mpad
