// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/study/zones.h>

#include <map>
#include <string>
#include <vector>

namespace mpad {

/// The texts of pairs.csv, ties.csv and summary.csv. Numbers read back to the same bits; what is no number is empty.
class ZoneTables {
 public:
  ZoneTables();
  /// Pairs of a cell.
  void add(const ZoneCell& cell, const std::vector<ZonePair>& pairs);
  /// The shares of a cell, by all of its pairs.
  void add_shares(const ZoneCell& cell, const std::vector<ZonePair>& pairs);

  /// A row for each pair.
  const std::string& pairs() const { return pairs_; }
  /// A row for each max pool of each pair.
  const std::string& ties() const { return ties_; }
  /// A row for each share of each cell.
  const std::string& summary() const { return summary_; }

 private:
  std::string pairs_, ties_, summary_;
};

/// What tells the cells of one table apart: "32,true,128" for bits, batch_norm and batch_size.
std::string cell_name(const ZoneCell& cell);

/// The pairs of each cell, under its name, from the files of both tables; rows of ties without a pair are left out.
/// Throws Error, naming the file, if one is anything else.
std::map<std::string, std::vector<ZonePair>> read_pairs(const std::string& pairs_file, const std::string& ties_file);

}  // namespace mpad
