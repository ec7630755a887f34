// SPDX-License-Identifier: MIT
// Image files that tests write.
#pragma once
#include "temporary.h"

#include <mpad/data/image.h>

#include <string>

namespace mpad::test {

/// Four bytes, the first the highest.
inline Bytes big_endian(std::uint32_t word) {
  return {static_cast<std::uint8_t>(word >> 24), static_cast<std::uint8_t>(word >> 16),
          static_cast<std::uint8_t>(word >> 8), static_cast<std::uint8_t>(word)};
}

inline std::string as_text(const Bytes& bytes) { return {bytes.begin(), bytes.end()}; }

inline std::string png_chunk(const std::string& kind, const std::string& data) {
  const std::string body = kind + data;
  const auto crc = crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size()));
  return as_text(big_endian(static_cast<std::uint32_t>(data.size()))) + body +
         as_text(big_endian(static_cast<std::uint32_t>(crc)));
}

/// A PNG of 8 bits whose pixels have 1 (gray), 2 (gray, alpha), 3 (colour) or 4 channels; no filter.
inline std::string png(std::uint32_t height, std::uint32_t width, std::uint32_t channels, const Bytes& pixels) {
  const std::string kinds("\0\4\2\6", 4);
  std::string rows;
  for (std::uint32_t y = 0; y < height; ++y)
    rows += '\0' + std::string(pixels.begin() + y * width * channels, pixels.begin() + (y + 1) * width * channels);
  uLongf size = compressBound(rows.size());
  std::string packed(size, '\0');
  REQUIRE(compress(reinterpret_cast<Bytef*>(packed.data()), &size, reinterpret_cast<const Bytef*>(rows.data()),
                   rows.size()) == Z_OK);
  packed.resize(size);
  const std::string shape = as_text(big_endian(width)) + as_text(big_endian(height)) + '\x08' + kinds[channels - 1];
  return "\x89PNG\r\n\x1a\n" + png_chunk("IHDR", shape + std::string(3, '\0')) + png_chunk("IDAT", packed) +
         png_chunk("IEND", "");
}

inline std::string from_hex(const std::string& text) {
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); i += 2)
    bytes += static_cast<char>(std::stoi(text.substr(i, 2), nullptr, 16));
  return bytes;
}

/// height x width pixels (7 y^2 + 13 x + 60 c + x y) mod 256: rough, with jumps.
inline Image rough_image(std::int64_t height, std::int64_t width) {
  Image image{height, width, {}};
  for (std::int64_t y = 0; y < height; ++y)
    for (std::int64_t x = 0; x < width; ++x)
      for (std::int64_t c = 0; c < 3; ++c)
        image.pixels.push_back(static_cast<std::uint8_t>(7 * y * y + 13 * x + 60 * c + x * y));
  return image;
}

}  // namespace mpad::test
