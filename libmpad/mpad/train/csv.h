// SPDX-License-Identifier: MIT
// Text of comma-separated numbers and names, which hold no commas, quotes or line ends.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mpad {

/// A number that reads back to the same bits; "nan" without the sign, which carries nothing and differs between
/// machines.
std::string csv_text(double value);

/// The cells of a row, by column. It lives no longer than the text that it is of and the text's name.
class CsvRow {
 public:
  /// `source` names the text in errors.
  CsvRow(std::vector<std::string_view> cells, std::string_view source) : cells_(std::move(cells)), source_(source) {}

  std::string text(std::size_t column) const { return std::string(cells_[column]); }
  /// The number in a cell. Throws Error if there is none.
  double real(std::size_t column) const;
  std::int64_t whole(std::size_t column) const;

 private:
  std::vector<std::string_view> cells_;
  std::string_view source_;
};

/// The rows behind the header. Throws Error, naming `source`, if the text starts with another header or a row has
/// another number of cells.
std::vector<CsvRow> read_csv(std::string_view text, std::string_view header, std::string_view source);

}  // namespace mpad
