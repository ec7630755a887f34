// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/study/csv.h>
#include <mpad/study/zone_tables.h>
#include <mpad/train/atomic_file.h>
#include <mpad/train/naming.h>

namespace mpad {
namespace {

const std::string zone_pairs_header =
    "network,dataset,bits,batch_norm,init,first,second,batch_size,noise,draw,batch,difference,class,residue,zero_ties,"
    "positive_ties,windows";
const std::string zone_ties_header =
    "network,dataset,bits,batch_norm,batch_size,draw,batch,layer,windows,zero_ties,positive_ties";
const std::string zone_summary_header =
    "network,dataset,bits,batch_norm,batch_size,first,second,noise,draws,pairs,quantity,threshold,share,low,high";

// network,dataset,bits,batch_norm
std::string network_columns(const ZoneCell& cell) {
  const Settings& s = cell.plan.settings;
  return fmt::format("{},{},{},{}", cell.network, cell.dataset, bits_of(s.dtype), s.batch_norm);
}

// The cell_name of a row, whose columns of bits and batch_norm are the same in both tables.
std::string cell_name(const CsvRow& row, std::size_t batch_size_column) {
  return fmt::format("{},{},{}", row.text(2), row.text(3), row.text(batch_size_column));
}

std::string pair_name(const std::string& cell, const PairIndex& index) {
  return fmt::format("{},{},{}", cell, index.draw, index.batch);
}

// The pools of each pair.
std::map<std::string, std::vector<LayerTies>> read_ties(const std::string& file) {
  std::map<std::string, std::vector<LayerTies>> ties;
  const std::string text = read_file(file);
  for (const CsvRow& row : read_csv(text, zone_ties_header, file))
    ties[pair_name(cell_name(row, 4), {row.whole(5), row.whole(6)})].push_back(
        {.layer = row.text(7), .windows = row.whole(8), .zero_ties = row.whole(9), .positive_ties = row.whole(10)});
  return ties;
}

}  // namespace

ZoneTables::ZoneTables()
    : pairs_(zone_pairs_header + "\n"), ties_(zone_ties_header + "\n"), summary_(zone_summary_header + "\n") {}

void ZoneTables::add(const ZoneCell& cell, const std::vector<ZonePair>& pairs) {
  const PairPlan& plan = cell.plan;
  const std::string network = network_columns(cell);
  for (const ZonePair& pair : pairs) {
    const LayerTies all = total(pair.ties);
    const std::string index = fmt::format("{},{}", pair.index.draw, pair.index.batch);
    pairs_ += fmt::format("{},{},{},{},{},{},{},{},{},{},{},{},{}\n", network, to_string(plan.init), cell.first.name,
                          cell.second.name, plan.settings.batch_size, plan.noise, index,
                          csv_number(pair.comparison.difference), to_string(pair.comparison.zone),
                          csv_number(pair.comparison.residue), all.zero_ties, all.positive_ties, all.windows);
    for (const LayerTies& pool : pair.ties)
      ties_ += fmt::format("{},{},{},{},{},{},{}\n", network, plan.settings.batch_size, index, pool.layer, pool.windows,
                           pool.zero_ties, pool.positive_ties);
  }
}

void ZoneTables::add_shares(const ZoneCell& cell, const std::vector<ZonePair>& pairs) {
  const PairPlan& plan = cell.plan;
  for (const ZoneShare& share : shares_of(pairs, cell.thresholds))
    summary_ += fmt::format("{},{},{},{},{},{},{},{},{},{},{},{}\n", network_columns(cell), plan.settings.batch_size,
                            cell.first.name, cell.second.name, plan.noise, plan.draws, pairs.size(), share.quantity,
                            csv_number(share.threshold), csv_number(share.share.share), csv_number(share.share.low),
                            csv_number(share.share.high));
}

std::string cell_name(const ZoneCell& cell) {
  const Settings& s = cell.plan.settings;
  return fmt::format("{},{},{}", bits_of(s.dtype), s.batch_norm, s.batch_size);
}

std::map<std::string, std::vector<ZonePair>> read_pairs(const std::string& pairs_file, const std::string& ties_file) {
  std::map<std::string, std::vector<ZonePair>> pairs;
  std::map<std::string, std::vector<LayerTies>> ties = read_ties(ties_file);
  const std::string text = read_file(pairs_file);
  for (const CsvRow& row : read_csv(text, zone_pairs_header, pairs_file)) {
    const std::string cell = cell_name(row, 7);
    const PairIndex index{row.whole(9), row.whole(10)};
    pairs[cell].push_back({index,
                           {.difference = csv_number(row, 11),
                            .residue = csv_number(row, 13),
                            .zone = naming(pairs_file, [&] { return parse_zone(row.text(12)); })},
                           ties[pair_name(cell, index)]});
  }
  return pairs;
}

}  // namespace mpad
