// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/study/csv.h>
#include <mpad/study/log_histogram.h>
#include <mpad/study/threshold_tables.h>
#include <mpad/train/naming.h>

#include <map>
#include <utility>

namespace mpad {
namespace {

const std::string differences_header = "network,dataset,bits,pair,draw,batch,difference,class";

DType dtype_with(std::int64_t bits) {
  for (const DType dtype : {DType::f16, DType::f32, DType::f64})
    if (bits == bits_of(dtype)) return dtype;
  fail("bits: expected 16, 32 or 64, got {}", bits);
}

}  // namespace

std::string differences_csv(const std::string& network, const std::string& dataset,
                            const std::vector<Difference>& differences) {
  std::string text = fmt::format("{}\n", differences_header);
  for (const Difference& d : differences)
    text += fmt::format("{},{},{},{},{},{},{},{}\n", network, dataset, bits_of(d.dtype), d.rival, d.index.draw,
                        d.index.batch, csv_number(d.comparison.difference), to_string(d.comparison.zone));
  return text;
}

std::vector<Difference> parse_differences(std::string_view text, const std::string& source) {
  std::vector<Difference> differences;
  for (const CsvRow& row : read_csv(text, differences_header, source))
    differences.push_back({.dtype = naming(source, [bits = row.whole(2)] { return dtype_with(bits); }),
                           .rival = row.text(3),
                           .index = {.draw = row.whole(4), .batch = row.whole(5)},
                           .comparison = {.difference = csv_number(row, 6),
                                          .zone = naming(source, [&] { return parse_zone(row.text(7)); })}});
  return differences;
}

std::string thresholds_csv(const std::vector<Threshold>& thresholds) {
  std::string text = "bits,rule,tau\n";
  for (const Threshold& t : thresholds) text += fmt::format("{},{},{}\n", bits_of(t.dtype), t.rule, csv_number(t.tau));
  return text;
}

std::string histogram_csv(const std::vector<Difference>& differences) {
  std::vector<double> all;
  std::map<std::pair<DType, std::string>, std::vector<double>> groups;
  for (const Difference& d : differences) {
    all.push_back(d.comparison.difference);
    groups[{d.dtype, d.rival}].push_back(d.comparison.difference);
  }
  const Decades decades = decades_of(all);
  std::string text = "bits,pair,log10_low,log10_high,count,zeros\n";
  for (const auto& [key, values] : groups) {
    const LogHistogram histogram = log_histogram(values, decades);
    for (int decade = decades.first; decade <= decades.last; ++decade)
      text += fmt::format("{},{},{},{},{},{}\n", bits_of(key.first), key.second, decade, decade + 1,
                          histogram.counts[static_cast<std::size_t>(decade - decades.first)], histogram.zeros);
  }
  return text;
}

}  // namespace mpad
