// SPDX-License-Identifier: MIT
// What zones yields, kept draw by draw.
#pragma once
#include <mpad/study/zone_tables.h>
#include <mpad/train/output_directory.h>

#include <functional>
#include <vector>

namespace mpad {

/// The pairs of cells that are compared one cell after the other, and their files.
class ZoneResults {
 public:
  static constexpr const char *pairs_name = "pairs.csv", *ties_name = "ties.csv", *summary_name = "summary.csv";

  /// With the pairs that are in the directory. Throws Error if its files are damaged.
  ZoneResults(const OutputDirectory& directory, std::vector<ZoneCell> cells);

  const std::vector<ZoneCell>& cells() const { return cells_; }
  /// The pairs of a cell that are there, draw by draw.
  const std::vector<ZonePair>& pairs(std::size_t cell) const { return pairs_[cell]; }
  /// How many draws of a cell are there.
  std::int64_t draws(std::size_t cell) const;
  /// Keeps the pairs of a cell's next draw: after a crash, all of them are in pairs.csv or none is, and what other
  /// files have of a draw without pairs is not read. Shares come with the last draw.
  void put(std::size_t cell, const std::vector<ZonePair>& draw);

 private:
  void add(std::size_t cell, const std::vector<ZonePair>& pairs);

  const OutputDirectory* directory_;
  std::vector<ZoneCell> cells_;
  std::vector<std::vector<ZonePair>> pairs_;
  ZoneTables tables_{};
};

/// Compares the programs of a cell on the draws that the results lack, while there is time for one more. Returns
/// whether all are there.
bool measure_zones(ZoneResults& results, std::size_t cell, const ModelFactory& make_model, const Dataset& dataset,
                   const std::function<bool()>& may_start);

}  // namespace mpad
