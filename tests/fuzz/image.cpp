// SPDX-License-Identifier: MIT
// Any bytes are a JPEG or PNG image, which can be resized, or an Error.
#include "memory_file.h"

#include <mpad/core/error.h>
#include <mpad/data/resample.h>

using mpad::fuzz::require_true;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  constexpr std::int64_t most_pixels = 1 << 16, side = 8;
  try {
    const mpad::Image image = mpad::decode_image({reinterpret_cast<const char*>(bytes), size}, "image", most_pixels);
    require_true(image.height > 0 && image.width > 0 && image.height * image.width <= most_pixels);
    require_true(static_cast<std::int64_t>(image.pixels.size()) == 3 * image.height * image.width);
    std::uint8_t pixels[3 * side * side];
    mpad::resize_middle(image, side, false, pixels);
    mpad::Rng rng(size);
    mpad::resize_box(image, mpad::random_box(image.height, image.width, rng), side, true, pixels);
  } catch (const mpad::Error&) {
    return 0;
  }
  return 0;
}
