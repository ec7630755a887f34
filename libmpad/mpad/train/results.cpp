// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/train/csv.h>
#include <mpad/train/results.h>

#include <cmath>
#include <map>

namespace mpad {
namespace {

constexpr std::string_view header =
    "run_id,epoch,train_loss,train_accuracy,test_loss,test_accuracy,maxpool,batch_norm,bits,relu0,seed,collapsed,"
    "seconds";

}  // namespace

std::string to_csv(std::span<const EpochResult> results, const Settings& s) {
  std::string text = fmt::format("{}\n", header);
  for (const EpochResult& r : results)
    text += fmt::format("{},{},{},{},{},{},{},{},{},{},{},{},{:.3f}\n", r.run, r.epoch, csv_text(r.train.loss),
                        csv_text(r.train.accuracy), csv_text(r.test.loss), csv_text(r.test.accuracy), s.ties.name(),
                        s.batch_norm, precision_name(s), s.relu0, s.seed + static_cast<std::uint64_t>(r.run),
                        r.collapsed, r.seconds);
  return text;
}

std::vector<EpochResult> parse_csv(std::string_view text, const std::string& source) {
  std::vector<EpochResult> results;
  for (const CsvRow& row : read_csv(text, header, source))
    results.push_back({.run = row.whole(0),
                       .epoch = row.whole(1),
                       .train = {row.real(2), row.real(3)},
                       .test = {row.real(4), row.real(5)},
                       .seconds = row.real(12),
                       .collapsed = row.text(11)});
  return results;
}

std::string collapse_of(const EpochResult& result) {
  if (!result.collapsed.empty() || std::isfinite(result.test.loss)) return result.collapsed;
  return fmt::format("the test of epoch {}", result.epoch + 1);
}

MeanDeviation mean_and_deviation(std::span<const double> values) {
  const auto count = static_cast<double>(values.size());
  MeanDeviation result;
  double squares = 0;
  for (const double value : values) result.mean += value / count;
  for (const double value : values) squares += std::pow(value - result.mean, 2);
  if (count > 1) result.deviation = std::sqrt(squares / (count - 1));
  return result;
}

Summary summarize(std::span<const EpochResult> results) {
  std::map<std::int64_t, const EpochResult*> final_results;
  for (const EpochResult& r : results) final_results[r.run] = &r;
  Summary summary{.runs = static_cast<std::int64_t>(final_results.size())};
  if (summary.runs == 0) return summary;
  std::vector<double> accuracies;
  for (const auto& [run, result] : final_results) {
    accuracies.push_back(result->test.accuracy);
    summary.collapsed += !collapse_of(*result).empty();
  }
  const auto [mean, deviation] = mean_and_deviation(accuracies);
  summary.mean = mean;
  summary.deviation = deviation;
  return summary;
}

}  // namespace mpad
