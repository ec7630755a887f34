// SPDX-License-Identifier: MIT
// Random crops and mirror images, on every device. Internal linkage: cpu/isa.h says why.
#pragma once
#include <mpad/core/philox.h>

#include <kernels.h>

namespace mpad::kernels {
namespace {

/// Where the pixels of an image come from: row + down, and column, counted from the right if mirrored, + right.
struct Placement {
  std::int64_t down, right;
  bool mirrored;
};

/// What happens to image `index`: words 0 and 1 of Philox(seed, index, stream) shift it, the top bit of word 2 mirrors.
[[gnu::always_inline]] MPAD_HD inline Placement place(const CropFlip& draw, std::int32_t index) {
  const Philox random(draw.seed, static_cast<std::uint64_t>(index), draw.stream);
  const std::uint32_t shifts = 2 * static_cast<std::uint32_t>(draw.pad) + 1;
  return {static_cast<std::int64_t>(uniform_below(random.word[0], shifts)) - draw.pad,
          static_cast<std::int64_t>(uniform_below(random.word[1], shifts)) - draw.pad,
          draw.flip && random.word[2] >> 31 != 0};
}

/// The draw of a key, or, for null, as it is.
[[gnu::always_inline]] MPAD_HD inline CropFlip keyed(CropFlip draw, const std::uint64_t* key) {
  if (key == nullptr) return draw;
  draw.seed = key[0];
  draw.stream = key[1];
  return draw;
}

/// The first byte of the pixel of an image rows,columns,channels that comes to (row, column); null if from outside.
[[gnu::always_inline]] MPAD_HD inline const std::uint8_t* source_pixel(const Placement& p, const std::uint8_t* image,
                                                                       std::int64_t rows, std::int64_t columns,
                                                                       std::int64_t channels, std::int64_t row,
                                                                       std::int64_t column) {
  const std::int64_t y = row + p.down, x = (p.mirrored ? columns - 1 - column : column) + p.right;
  const bool inside = y >= 0 && y < rows && x >= 0 && x < columns;
  return inside ? image + (y * columns + x) * channels : nullptr;
}

}  // namespace
}  // namespace mpad::kernels
