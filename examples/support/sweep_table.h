// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/study/sweep_results.h>

#include <string>
#include <vector>

namespace mpad {

/// Test accuracies in percent, mean and standard deviation over the runs of each cell, and how many collapsed: a line
/// for each kind of cell, a column for each beta, in the order of the rows.
std::string sweep_table(const std::vector<SweepRow>& rows);

}  // namespace mpad
