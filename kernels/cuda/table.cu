// SPDX-License-Identifier: MIT
// Rows of some hundred bytes, so that one block copies them all.
#include "launch.cuh"

#include <kernels.h>

namespace mpad::kernels {
namespace {

constexpr int kRowThreads = 256;

/// As bytes.
struct Row {
  explicit Row(const TableRow& r)
      : table(static_cast<std::uint8_t*>(r.table.data)),
        row(static_cast<std::uint8_t*>(r.row.data)),
        size(r.row.data ? r.row.numel() * static_cast<std::int64_t>(size_of(r.row.dtype)) : 0) {}
  std::uint8_t *table, *row;
  std::int64_t size;
};

template <bool reads>
__device__ inline void copy_row(std::int32_t place, const Row& r) {
  std::uint8_t* in_table = r.table + place * r.size;
  for (std::int64_t i = threadIdx.x; i < r.size; i += kRowThreads) {
    if (reads)
      r.row[i] = in_table[i];
    else
      in_table[i] = r.row[i];
  }
}

template <bool reads>
__global__ void __launch_bounds__(kRowThreads) copy_rows_kernel(std::int32_t* at, Row first, Row second, Row third) {
  follow_kernels_before();
  const std::int32_t place = *at;
  copy_row<reads>(place, first);
  copy_row<reads>(place, second);
  copy_row<reads>(place, third);
  if (reads) return;
  __syncthreads();  // all have read the place
  if (threadIdx.x == 0) *at = place + 1;
}

template <bool reads>
void copy_rows(const char* op, Cuda where, View at, const std::array<TableRow, 3>& rows) {
  launch(op, copy_rows_kernel<reads>, 1, kRowThreads, 0, static_cast<cudaStream_t>(where.stream), at.as<std::int32_t>(),
         Row(rows[0]), Row(rows[1]), Row(rows[2]));
}

}  // namespace

template <>
void read_rows(Cuda where, View at, const std::array<TableRow, 3>& rows) {
  copy_rows<true>("read_rows", where, at, rows);
}

template <>
void write_rows(Cuda where, View at, const std::array<TableRow, 3>& rows) {
  copy_rows<false>("write_rows", where, at, rows);
}

}  // namespace mpad::kernels
