// SPDX-License-Identifier: MIT
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mpad {

/// Red, green and blue bytes, height,width,3.
struct Image {
  std::int64_t height = 0, width = 0;
  std::vector<std::uint8_t> pixels{};
};

/// Unpacks a JPEG (baseline or progressive) or PNG: gray becomes three equal channels, 16 bits become 8, transparency
/// and EXIF orientation are ignored. Throws Error that begins with `name` if it is damaged, of another format, or has
/// more than `most_pixels`.
Image decode_image(std::string_view bytes, const std::string& name, std::int64_t most_pixels = std::int64_t{1} << 27);

}  // namespace mpad
