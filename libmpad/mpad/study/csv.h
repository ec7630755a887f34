// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/core/check.h>

#include <cmath>
#include <string>

namespace mpad {

/// The shortest text that reads back to the same bits; empty for what is no number.
inline std::string csv_number(double value) { return std::isnan(value) ? "" : fmt::format("{}", value); }

}  // namespace mpad
