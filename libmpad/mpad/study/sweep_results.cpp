// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/study/sweep_results.h>
#include <mpad/train/atomic_file.h>
#include <mpad/train/csv.h>

#include <algorithm>

namespace mpad {
namespace {

const std::string run_columns = "network,dataset,bits,optimizer,batch_norm,forward,backward,test_forward,beta,lr,run";
const std::string sweep_header =
    run_columns + ",epochs,train_loss,train_accuracy,test_loss,test_accuracy,collapsed,seconds";
const std::string pools_header = run_columns + ",layer,signal_to_noise_db,nonfinite,zeroed,values";

std::string text_of(const CellName& c) {
  return fmt::format("{},{},{},{},{},{},{},{},{}", c.network, c.dataset, c.bits, c.optimizer, c.batch_norm, c.forward,
                     c.backward, c.test_forward, c.beta);
}

CellName parse_name(const CsvRow& row) {
  return {row.text(0), row.text(1), row.text(2), row.text(3), row.text(4),
          row.text(5), row.text(6), row.text(7), row.text(8)};
}

}  // namespace

CellName name_of(const std::string& network, const std::string& dataset, const Settings& s) {
  return {.network = network,
          .dataset = dataset,
          .bits = precision_name(s),
          .optimizer = to_string(s.optimizer),
          .batch_norm = s.batch_norm ? "true" : "false",
          .forward = to_string(s.pool_forward),
          .backward = to_string(s.pool_backward),
          .test_forward = to_string(s.pool_test_forward.value_or(s.pool_forward)),
          .beta = csv_text(s.ties.beta())};
}

std::string to_csv(const std::vector<SweepRow>& rows) {
  std::string text = fmt::format("{}\n", sweep_header);
  for (const SweepRow& r : rows)
    text += fmt::format("{},{},{},{},{},{},{},{},{},{:.3f}\n", text_of(r.cell), csv_text(r.lr), r.run, r.epochs,
                        csv_text(r.train.loss), csv_text(r.train.accuracy), csv_text(r.test.loss),
                        csv_text(r.test.accuracy), r.collapsed, r.seconds);
  return text;
}

std::string to_csv(const std::vector<PoolRow>& rows) {
  std::string text = fmt::format("{}\n", pools_header);
  for (const PoolRow& r : rows)
    text += fmt::format("{},{},{},{},{},{},{},{}\n", text_of(r.cell), csv_text(r.lr), r.run, r.noise.layer,
                        csv_text(r.noise.signal_to_noise_db), r.noise.nonfinite, r.noise.zeroed, r.noise.values);
  return text;
}

std::vector<SweepRow> parse_sweep(std::string_view text, const std::string& source) {
  std::vector<SweepRow> rows;
  for (const CsvRow& row : read_csv(text, sweep_header, source))
    rows.push_back({.cell = parse_name(row),
                    .lr = row.real(9),
                    .run = row.whole(10),
                    .epochs = row.whole(11),
                    .train = {row.real(12), row.real(13)},
                    .test = {row.real(14), row.real(15)},
                    .collapsed = row.text(16),
                    .seconds = row.real(17)});
  return rows;
}

std::vector<PoolRow> parse_pools(std::string_view text, const std::string& source) {
  std::vector<PoolRow> rows;
  for (const CsvRow& row : read_csv(text, pools_header, source))
    rows.push_back({.cell = parse_name(row),
                    .lr = row.real(9),
                    .run = row.whole(10),
                    .noise = {.layer = row.text(11),
                              .signal_to_noise_db = row.real(12),
                              .nonfinite = row.whole(13),
                              .zeroed = row.whole(14),
                              .values = row.whole(15)}});
  return rows;
}

SweepResults::SweepResults(const OutputDirectory& directory) : directory_(&directory) {
  if (!directory.has(rows_name)) return;
  const std::string rows = directory.file(rows_name), pools = directory.file(pools_name);
  rows_ = parse_sweep(read_file(rows), rows);
  pools_ = parse_pools(read_file(pools), pools);
  // Pools are written first: those of a run that got no row are of one that is not finished.
  std::erase_if(pools_, [this](const PoolRow& pool) { return !has(pool.cell, pool.run); });
}

bool SweepResults::has(const CellName& cell, std::int64_t run) const {
  return std::any_of(rows_.begin(), rows_.end(),
                     [&](const SweepRow& row) { return row.run == run && row.cell == cell; });
}

void SweepResults::add(const SweepRow& row, const std::vector<PoolNoise>& pools, std::size_t behind) {
  const auto next = rows_.begin() + static_cast<std::ptrdiff_t>(behind);
  const auto of_later_run = [&](const PoolRow& pool) {
    return std::any_of(next, rows_.end(),
                       [&](const SweepRow& later) { return later.run == pool.run && later.cell == pool.cell; });
  };
  std::vector<PoolRow> added;
  for (const PoolNoise& noise : pools) added.push_back({row.cell, row.lr, row.run, noise});
  pools_.insert(std::find_if(pools_.begin(), pools_.end(), of_later_run), added.begin(), added.end());
  rows_.insert(next, row);
  directory_->write(pools_name, to_csv(pools_));
  directory_->write(rows_name, to_csv(rows_));
}

}  // namespace mpad
