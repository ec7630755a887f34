// SPDX-License-Identifier: MIT
#include <mpad/study/zone_results.h>

#include <utility>

namespace mpad {

ZoneResults::ZoneResults(const OutputDirectory& directory, std::vector<ZoneCell> cells)
    : directory_(&directory), cells_(std::move(cells)), pairs_(cells_.size()) {
  if (!directory.has(pairs_name)) return;
  auto found = read_pairs(directory.file(pairs_name), directory.file(ties_name));
  for (std::size_t cell = 0; cell < cells_.size(); ++cell) add(cell, found[cell_name(cells_[cell])]);
}

std::int64_t ZoneResults::draws(std::size_t cell) const {
  return pairs_[cell].empty() ? 0 : pairs_[cell].back().index.draw + 1;
}

void ZoneResults::put(std::size_t cell, const std::vector<ZonePair>& draw) {
  add(cell, draw);
  // Last the file that says which draws are there.
  directory_->write(ties_name, tables_.ties());
  directory_->write(summary_name, tables_.summary());
  directory_->write(pairs_name, tables_.pairs());
}

void ZoneResults::add(std::size_t cell, const std::vector<ZonePair>& pairs) {
  pairs_[cell].insert(pairs_[cell].end(), pairs.begin(), pairs.end());
  tables_.add(cells_[cell], pairs);
  if (draws(cell) == cells_[cell].plan.draws) tables_.add_shares(cells_[cell], pairs_[cell]);
}

bool measure_zones(ZoneResults& results, std::size_t cell, const ModelFactory& make_model, const Dataset& dataset,
                   const std::function<bool()>& may_start) {
  const ZoneCell& measured = results.cells()[cell];
  for (std::int64_t draw = results.draws(cell); draw < measured.plan.draws; ++draw) {
    if (!may_start()) return false;
    results.put(cell, compare_pairs(measured, draw, make_model, dataset));
  }
  return true;
}

}  // namespace mpad
