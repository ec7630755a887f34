// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/core/jacobian.h>
#include <mpad/study/drift_results.h>
#include <mpad/train/atomic_file.h>
#include <mpad/train/csv.h>

#include <algorithm>

namespace mpad {
namespace {

const std::string header =
    "network,dataset,bits,replica,rule,epoch,distance,relative_distance,test_accuracy,train_loss,collapsed";

}  // namespace

std::string to_csv(std::span<const DriftRow> rows) {
  std::string text = fmt::format("{}\n", header);
  for (const DriftRow& r : rows)
    text += fmt::format("{},{},{},{},{},{},{},{},{},{},{}\n", r.network, r.dataset, r.precision, r.replica,
                        TieRule::beta(r.beta).name(), r.epoch, csv_text(r.distance), csv_text(r.relative_distance),
                        csv_text(r.test_accuracy), csv_text(r.train_loss), r.collapsed);
  return text;
}

std::vector<DriftRow> parse_drift(std::string_view text, const std::string& source) {
  std::vector<DriftRow> rows;
  for (const std::vector<std::string_view>& cell : read_csv(text, header, source)) {
    const auto name = [&](std::size_t i) { return std::string(cell[i]); };
    const auto whole = [&](std::size_t i) { return csv_whole(cell[i], source); };
    const auto real = [&](std::size_t i) { return csv_real(cell[i], source); };
    rows.push_back({.network = name(0),
                    .dataset = name(1),
                    .precision = name(2),
                    .replica = whole(3),
                    .beta = TieRule::parse(cell[4]).beta(),
                    .epoch = whole(5),
                    .distance = real(6),
                    .relative_distance = real(7),
                    .test_accuracy = real(8),
                    .train_loss = real(9),
                    .collapsed = name(10)});
  }
  return rows;
}

DriftResults::DriftResults(const OutputDirectory& directory) : directory_(&directory) {
  if (!directory.has(file_name)) return;
  const std::string file = directory.file(file_name);
  rows_ = parse_drift(read_file(file), file);
}

std::int64_t DriftResults::epochs(std::string_view precision) const {
  std::int64_t epochs = 0;
  for (const DriftRow& row : rows_)
    if (row.precision == precision) epochs = std::max(epochs, row.epoch + 1);
  return epochs;
}

void DriftResults::put(std::span<const DriftRow> epoch) {
  std::erase_if(
      rows_, [&](const DriftRow& row) { return row.precision == epoch[0].precision && row.epoch == epoch[0].epoch; });
  rows_.insert(rows_.end(), epoch.begin(), epoch.end());
  directory_->write(file_name, to_csv(rows_));
}

}  // namespace mpad
