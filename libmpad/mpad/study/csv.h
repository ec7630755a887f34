// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/train/csv.h>

#include <cmath>
#include <cstddef>
#include <limits>
#include <string>

namespace mpad {

/// csv_text; empty for what is no number.
inline std::string csv_number(double value) { return std::isnan(value) ? "" : csv_text(value); }
/// What csv_number wrote into a cell.
inline double csv_number(const CsvRow& row, std::size_t column) {
  return row.text(column).empty() ? std::numeric_limits<double>::quiet_NaN() : row.real(column);
}

}  // namespace mpad
