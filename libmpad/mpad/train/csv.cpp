// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/core/read_number.h>
#include <mpad/train/csv.h>

#include <cmath>
#include <utility>

namespace mpad {
namespace {

using Cells = std::vector<std::string_view>;

Cells split(std::string_view text, char separator) {
  Cells parts;
  for (std::size_t end; (end = text.find(separator)) != std::string_view::npos; text.remove_prefix(end + 1))
    parts.push_back(text.substr(0, end));
  parts.push_back(text);
  return parts;
}

template <class Number>
Number parse(std::string_view text, std::string_view source) {
  const auto value = read_number<Number>(text);
  require(value.has_value(), "{}: expected a number, got '{}'", source, text);
  return *value;
}

}  // namespace

std::string csv_text(double value) { return std::isnan(value) ? "nan" : fmt::format("{}", value); }

double CsvRow::real(std::size_t column) const { return parse<double>(cells_[column], source_); }
std::int64_t CsvRow::whole(std::size_t column) const { return parse<std::int64_t>(cells_[column], source_); }

std::vector<CsvRow> read_csv(std::string_view text, std::string_view header, std::string_view source) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  const Cells lines = split(text, '\n');
  require(lines[0] == header, "{}: expected results that start with '{}'", source, header);
  const std::size_t columns = split(header, ',').size();
  std::vector<CsvRow> rows;
  for (std::size_t i = 1; i < lines.size(); ++i) {
    Cells cells = split(lines[i], ',');
    require(cells.size() == columns, "{}: expected {} columns, got '{}'", source, columns, lines[i]);
    rows.emplace_back(std::move(cells), source);
  }
  return rows;
}

}  // namespace mpad
