// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/study/zones.h>

#include <string>
#include <vector>

namespace mpad {

/// The texts of pairs.csv, ties.csv and summary.csv. Numbers read back to the same bits; what is no number is empty.
class ZoneTables {
 public:
  ZoneTables();
  void add(const ZoneCell& cell, const std::vector<ZonePair>& pairs);

  /// A row for each pair.
  const std::string& pairs() const { return pairs_; }
  /// A row for each max pool of each pair.
  const std::string& ties() const { return ties_; }
  /// A row for each share of each cell.
  const std::string& summary() const { return summary_; }

 private:
  std::string pairs_, ties_, summary_;
};

}  // namespace mpad
