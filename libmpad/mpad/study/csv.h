// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/train/csv.h>

#include <cmath>
#include <string>

namespace mpad {

/// csv_text; empty for what is no number.
inline std::string csv_number(double value) { return std::isnan(value) ? "" : csv_text(value); }

}  // namespace mpad
