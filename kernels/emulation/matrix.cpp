// SPDX-License-Identifier: MIT
#include "matrix.h"

#include "block.h"

#include <cuda_fp16.h>

#include <cmath>

namespace mpad::emulation {
namespace {

// Element i (0 or 1) of a register of two halves.
float half_of(std::uint32_t pair, int i) {
  __half_raw raw;
  raw.x = static_cast<unsigned short>(pair >> (16 * i));
  return __half2float(__half(raw));
}

struct HalfTile {
  std::uint32_t a[4], b[2];
  float c[4];
};

// Lane l holds elements of rows l / 4 and l / 4 + 8 (of a and c), columns 2 * (l % 4) + {0, 1} and those plus 8.
std::string multiply_tile(HalfTile (&lanes)[warp_size]) {
  float a[16][16], b[16][8];
  for (unsigned lane = 0; lane < warp_size; ++lane) {
    const unsigned group = lane / 4, pair = 2 * (lane % 4);
    for (int r = 0; r < 4; ++r)
      for (int i = 0; i < 2; ++i) a[group + 8 * (r % 2)][pair + i + 8 * (r / 2)] = half_of(lanes[lane].a[r], i);
    for (int r = 0; r < 2; ++r)
      for (int i = 0; i < 2; ++i) b[pair + i + 8 * r][group] = half_of(lanes[lane].b[r], i);
  }
  for (unsigned lane = 0; lane < warp_size; ++lane)
    for (unsigned e = 0; e < 4; ++e) {
      const unsigned row = lane / 4 + 8 * (e / 2), column = 2 * (lane % 4) + e % 2;
      for (int k = 0; k < 16; ++k) lanes[lane].c[e] += a[row][k] * b[k][column];
    }
  return {};
}

struct DoubleTile {
  double a, b, c[2];
};

// Lane l holds a(l / 4, l % 4), b(l % 4, l / 4) and c(l / 4, 2 * (l % 4) + {0, 1}).
std::string multiply_tile(DoubleTile (&lanes)[warp_size]) {
  for (unsigned lane = 0; lane < warp_size; ++lane)
    for (unsigned e = 0; e < 2; ++e) {
      const unsigned row = lane / 4, column = 2 * (lane % 4) + e;
      for (unsigned k = 0; k < 4; ++k)
        lanes[lane].c[e] = std::fma(lanes[row * 4 + k].a, lanes[column * 4 + k].b, lanes[lane].c[e]);
    }
  return {};
}

struct RowsOrFragment {
  const void* row;
  std::uint32_t fragment[4];
};

// Register m of lane l: elements 2 * (l % 4) + {0, 1} of row l / 4 of matrix m, or of column l / 4 if transposed.
void load_tile(RowsOrFragment (&lanes)[warp_size], bool transposed) {
  const auto element = [&](unsigned matrix, unsigned row, unsigned column) -> std::uint32_t {
    return static_cast<const std::uint16_t*>(lanes[matrix * 8 + row].row)[column];
  };
  for (unsigned lane = 0; lane < warp_size; ++lane)
    for (unsigned m = 0; m < 4; ++m) {
      const unsigned group = lane / 4, pair = 2 * (lane % 4);
      lanes[lane].fragment[m] = transposed ? element(m, pair, group) | element(m, pair + 1, group) << 16
                                           : element(m, group, pair) | element(m, group, pair + 1) << 16;
    }
}

}  // namespace

void load_matrices(std::uint32_t (&fragment)[4], const void* row, bool transposed, Location where) {
  Block& block = Block::current();
  if (reinterpret_cast<std::uintptr_t>(row) % 16 != 0)
    block.scheduler().fail("ldmatrix in " + to_string(where) + ": expected rows aligned to 16 bytes");
  if (!block.shared().contains(row, 16))
    block.scheduler().fail("ldmatrix in " + to_string(where) + ": expected rows in shared memory");
  const char* name = transposed ? "ldmatrix.trans" : "ldmatrix";
  const auto combine = [&](RowsOrFragment(&lanes)[warp_size], LaneMask) -> std::string {
    load_tile(lanes, transposed);
    return {};
  };
  const RowsOrFragment result = block.warp().exchange(full_warp, RowsOrFragment{row, {}}, name, where, combine);
  for (int m = 0; m < 4; ++m) fragment[m] = result.fragment[m];
}

void multiply_half(float (&c)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2], Location where) {
  const HalfTile tile{{a[0], a[1], a[2], a[3]}, {b[0], b[1]}, {c[0], c[1], c[2], c[3]}};
  const auto combine = [](HalfTile(&lanes)[warp_size], LaneMask) { return multiply_tile(lanes); };
  const HalfTile result = Block::current().warp().exchange(full_warp, tile, "mma", where, combine);
  for (int e = 0; e < 4; ++e) c[e] = result.c[e];
}

void multiply_double(double (&c)[2], double a, double b, Location where) {
  const auto combine = [](DoubleTile(&lanes)[warp_size], LaneMask) { return multiply_tile(lanes); };
  const DoubleTile result =
      Block::current().warp().exchange(full_warp, DoubleTile{a, b, {c[0], c[1]}}, "mma (double)", where, combine);
  for (int e = 0; e < 2; ++e) c[e] = result.c[e];
}

}  // namespace mpad::emulation
