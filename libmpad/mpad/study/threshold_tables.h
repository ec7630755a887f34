// SPDX-License-Identifier: MIT
// The texts of what `thresholds` writes. Numbers read back to the same bits; what is no number is empty.
#pragma once
#include <mpad/study/thresholds.h>

#include <string>
#include <string_view>
#include <vector>

namespace mpad {

/// differences.csv: a row for each difference.
std::string differences_csv(const std::string& network, const std::string& dataset,
                            const std::vector<Difference>& differences);
/// What differences_csv wrote, but for the residues. `source` names the text in the Error thrown if it is anything
/// else.
std::vector<Difference> parse_differences(std::string_view text, const std::string& source);

/// thresholds.csv: a row for each rule of each precision.
std::string thresholds_csv(const std::vector<Threshold>& thresholds);

/// histogram.csv: for each precision and rival a row for each power of ten of D, the same ones for all; `zeros` is how
/// many more are exactly 0.
std::string histogram_csv(const std::vector<Difference>& differences);

}  // namespace mpad
