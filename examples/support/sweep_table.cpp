// SPDX-License-Identifier: MIT
#include "sweep_table.h"

#include "table.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace mpad {
namespace {

struct Runs {
  std::vector<double> accuracies{};
  int collapsed = 0;
};

std::string text_of(const Runs& runs) {
  const auto [mean, deviation] = mean_and_deviation(runs.accuracies);
  std::string text = fmt::format("{:.2f}", 100 * mean);
  if (runs.accuracies.size() > 1) text += fmt::format(" +- {:.2f}", 100 * deviation);
  if (runs.collapsed > 0) text += fmt::format(" ({}/{} collapsed)", runs.collapsed, runs.accuracies.size());
  return text;
}

std::string kind_of(const CellName& c) {
  const std::string test = c.test_forward == c.forward ? "" : fmt::format(", test {}", c.test_forward);
  return fmt::format("{} {} {} bits {}{} {}/{}{}", c.dataset, c.network, c.bits, c.optimizer,
                     c.batch_norm == "true" ? " BN" : "", c.forward, c.backward, test);
}

void add_new(std::vector<std::string>& names, const std::string& name) {
  if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
}

}  // namespace

std::string sweep_table(const std::vector<SweepRow>& rows) {
  std::vector<std::string> kinds, betas;
  std::map<std::pair<std::string, std::string>, Runs> cells;
  for (const SweepRow& row : rows) {
    const std::string kind = kind_of(row.cell);
    add_new(kinds, kind);
    add_new(betas, row.cell.beta);
    Runs& runs = cells[{kind, row.cell.beta}];
    runs.accuracies.push_back(row.test.accuracy);
    runs.collapsed += !row.collapsed.empty();
  }
  std::vector<std::vector<std::string>> lines{{"test accuracy, %"}};
  for (const std::string& beta : betas) lines[0].push_back("beta " + beta);
  for (const std::string& kind : kinds) {
    lines.push_back({kind});
    for (const std::string& beta : betas)
      lines.back().push_back(cells.count({kind, beta}) > 0 ? text_of(cells[{kind, beta}]) : "-");
  }
  return table(lines);
}

}  // namespace mpad
