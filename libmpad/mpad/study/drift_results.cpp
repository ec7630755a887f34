// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/core/jacobian.h>
#include <mpad/study/drift_results.h>
#include <mpad/train/atomic_file.h>
#include <mpad/train/csv.h>
#include <mpad/train/naming.h>

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
  for (const CsvRow& row : read_csv(text, header, source))
    rows.push_back({.network = row.text(0),
                    .dataset = row.text(1),
                    .precision = row.text(2),
                    .replica = row.whole(3),
                    .beta = naming(source, [&] { return TieRule::parse(row.text(4)).beta(); }),
                    .epoch = row.whole(5),
                    .distance = row.real(6),
                    .relative_distance = row.real(7),
                    .test_accuracy = row.real(8),
                    .train_loss = row.real(9),
                    .collapsed = row.text(10)});
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
