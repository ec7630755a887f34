// SPDX-License-Identifier: MIT
#include <mpad/study/log_histogram.h>

#include <algorithm>
#include <cmath>

namespace mpad {
namespace {

bool has_decade(double value) { return value > 0 && std::isfinite(value); }
int decade_of(double value) { return static_cast<int>(std::floor(std::log10(value))); }

}  // namespace

Decades decades_of(const std::vector<double>& values) {
  std::vector<int> decades;
  for (double value : values)
    if (has_decade(value)) decades.push_back(decade_of(value));
  if (decades.empty()) return {};
  const auto [first, last] = std::minmax_element(decades.begin(), decades.end());
  return {*first, *last};
}

LogHistogram log_histogram(const std::vector<double>& values, const Decades& decades) {
  LogHistogram histogram{.first = decades.first};
  histogram.counts.resize(static_cast<std::size_t>(decades.last - decades.first + 1));
  for (double value : values) {
    histogram.zeros += value == 0;
    if (!has_decade(value)) continue;
    const int decade = decade_of(value);
    if (decade >= decades.first && decade <= decades.last)
      ++histogram.counts[static_cast<std::size_t>(decade - decades.first)];
  }
  return histogram;
}

}  // namespace mpad
