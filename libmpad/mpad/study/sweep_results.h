// SPDX-License-Identifier: MIT
// What a sweep yields: one row for each run of each cell, and one for each pool of its network.
#pragma once
#include <mpad/study/pool_noise.h>
#include <mpad/train/output_directory.h>
#include <mpad/train/results.h>

#include <string>
#include <string_view>
#include <vector>

namespace mpad {

/// What tells the cells of a sweep apart, as text in sweep.csv.
struct CellName {
  std::string network{}, dataset{}, bits{}, optimizer{}, batch_norm{}, forward{}, backward{}, test_forward{}, beta{};
  bool operator==(const CellName&) const = default;
};

/// The settings' tie rule is of the beta family.
CellName name_of(const std::string& network, const std::string& dataset, const Settings& settings);

/// One run of a cell.
struct SweepRow {
  CellName cell{};
  double lr = 0;
  std::int64_t run = 0, epochs = 0;  ///< epochs: those trained, a last one that was cut short included
  Score train{}, test{};             ///< of the last epoch
  std::string collapsed{};           ///< collapse_of the last epoch
  double seconds = 0;
};

/// A pool of the network that a run has trained.
struct PoolRow {
  CellName cell{};
  double lr = 0;
  std::int64_t run = 0;
  PoolNoise noise{};
};

/// The texts of sweep.csv and pools.csv.
std::string to_csv(const std::vector<SweepRow>& rows);
std::string to_csv(const std::vector<PoolRow>& rows);
/// What to_csv wrote. `source` names the text in the Error thrown if it is anything else.
std::vector<SweepRow> parse_sweep(std::string_view text, const std::string& source);
std::vector<PoolRow> parse_pools(std::string_view text, const std::string& source);

/// The finished runs of a sweep and their files, sweep.csv and pools.csv.
class SweepResults {
 public:
  static constexpr const char* rows_name = "sweep.csv";
  static constexpr const char* pools_name = "pools.csv";

  /// With the rows that are in the directory. Throws Error if its files are damaged.
  explicit SweepResults(const OutputDirectory& directory);

  bool has(const CellName& cell, std::int64_t run) const;
  /// Keeps a finished run, behind so many of the rows: after a crash, its row is in sweep.csv or it is not, and with it
  /// all of its pools.
  void add(const SweepRow& row, const std::vector<PoolNoise>& pools, std::size_t behind);
  const std::vector<SweepRow>& rows() const { return rows_; }

 private:
  const OutputDirectory* directory_;
  std::vector<SweepRow> rows_{};
  std::vector<PoolRow> pools_{};
};

}  // namespace mpad
