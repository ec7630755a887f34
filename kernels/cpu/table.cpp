// SPDX-License-Identifier: MIT
#include "isa.h"

#include <kernels.h>

#include <cstring>

namespace mpad::kernels {
namespace {

/// Calls f(row's place in its table, the row, its bytes).
template <class F>
void for_each_row(const View& at, const std::array<TableRow, 3>& rows, const F& f) {
  for (const auto& [table, row] : rows) {
    if (!row.data) continue;
    const std::size_t bytes = static_cast<std::size_t>(row.numel()) * size_of(row.dtype);
    f(static_cast<char*>(table.data) + static_cast<std::size_t>(*at.as<const std::int32_t>()) * bytes, row.data, bytes);
  }
}

}  // namespace

template <>
void read_rows(Cpu, View at, const std::array<TableRow, 3>& rows) {
  for_each_row(at, rows, [](const void* in_table, void* row, std::size_t bytes) { std::memcpy(row, in_table, bytes); });
}

template <>
void write_rows(Cpu, View at, const std::array<TableRow, 3>& rows) {
  for_each_row(at, rows, [](void* in_table, const void* row, std::size_t bytes) { std::memcpy(in_table, row, bytes); });
  ++*at.as<std::int32_t>();
}

}  // namespace mpad::kernels
