// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/study/csv.h>
#include <mpad/study/zone_tables.h>

namespace mpad {
namespace {

// network,dataset,bits,batch_norm
std::string network_columns(const ZoneCell& cell) {
  const Settings& s = cell.plan.settings;
  return fmt::format("{},{},{},{}", cell.network, cell.dataset, bits_of(s.dtype), s.batch_norm);
}

}  // namespace

ZoneTables::ZoneTables()
    : pairs_(
          "network,dataset,bits,batch_norm,init,first,second,batch_size,noise,draw,batch,difference,class,residue,"
          "zero_ties,positive_ties,windows\n"),
      ties_("network,dataset,bits,batch_norm,batch_size,draw,batch,layer,windows,zero_ties,positive_ties\n"),
      summary_(
          "network,dataset,bits,batch_norm,batch_size,first,second,noise,draws,pairs,quantity,threshold,share,low,"
          "high\n") {}

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
  for (const ZoneShare& share : shares_of(pairs, cell.thresholds))
    summary_ +=
        fmt::format("{},{},{},{},{},{},{},{},{},{},{},{}\n", network, plan.settings.batch_size, cell.first.name,
                    cell.second.name, plan.noise, plan.draws, pairs.size(), share.quantity, csv_number(share.threshold),
                    csv_number(share.share.share), csv_number(share.share.low), csv_number(share.share.high));
}

}  // namespace mpad
