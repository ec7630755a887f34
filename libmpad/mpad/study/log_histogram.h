// SPDX-License-Identifier: MIT
#pragma once
#include <cstdint>
#include <vector>

namespace mpad {

/// How many values there are in each power of ten: counts[i] of 10^(first + i) and more, below 10^(first + i + 1).
struct LogHistogram {
  int first = 0;
  std::vector<std::int64_t> counts{};
  std::int64_t zeros = 0;  ///< values that are exactly 0
};

/// Powers of ten, the last one counted too.
struct Decades {
  int first = 0, last = 0;
};

/// Those that hold all values above 0 that are finite; 10^0 alone if there is none.
Decades decades_of(const std::vector<double>& values);

/// Values that are not finite, below 0, or in none of the decades, are left out.
LogHistogram log_histogram(const std::vector<double>& values, const Decades& decades);

}  // namespace mpad
