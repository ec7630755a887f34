// SPDX-License-Identifier: MIT
// Text of comma-separated numbers and names, which hold no commas, quotes or line ends.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mpad {

/// A number that reads back to the same bits; "nan" without the sign, which carries nothing and differs between
/// machines.
std::string csv_text(double value);

/// The cells of the rows behind the header. `source` names the text in the Error thrown if it starts with another
/// header or a row has another number of cells.
std::vector<std::vector<std::string_view>> read_csv(std::string_view text, std::string_view header,
                                                    const std::string& source);

/// The number in a cell. Throws Error, naming `source`, if there is none.
double csv_real(std::string_view cell, const std::string& source);
std::int64_t csv_whole(std::string_view cell, const std::string& source);

}  // namespace mpad
