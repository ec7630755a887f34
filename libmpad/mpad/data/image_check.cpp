// SPDX-License-Identifier: MIT
#include <mpad/data/image_check.h>

#include <cstddef>

namespace mpad {
namespace {

constexpr int huffman = 0xc4, start_of_image = 0xd8, start_of_scan = 0xda;

// What is read behind the end is 0, as in stb_image.
int byte_at(std::string_view bytes, std::size_t at) {
  return at < bytes.size() ? static_cast<unsigned char>(bytes[at]) : 0;
}

std::size_t big_endian(std::string_view bytes, std::size_t at, std::size_t count) {
  std::size_t value = 0;
  for (std::size_t i = 0; i < count; ++i) value = value << 8 | static_cast<std::size_t>(byte_at(bytes, at + i));
  return value;
}

// Length of the segment behind a marker, its own two bytes included.
std::size_t segment_length(std::string_view bytes, std::size_t at) { return big_endian(bytes, at, 2); }

// Segments that stb_image steps over by their length, or else stops at: frame headers, tables, applications' data.
bool is_segment(int marker) {
  return (marker >= 0xc0 && marker <= 0xc2) || marker == huffman || (marker >= 0xdb && marker <= 0xdd) ||
         (marker >= 0xe0 && marker <= 0xef) || marker == 0xfe;
}

// The tables of a segment: each a byte, how many symbols there are of each of 16 lengths, and the symbols.
bool is_sound(std::string_view bytes, std::size_t at) {
  const std::size_t end = at + segment_length(bytes, at);
  for (at += 2; at < end;) {
    int symbols = 0;
    for (std::size_t i = 1; i <= 16; ++i) symbols += byte_at(bytes, at + i);
    if (symbols > 256) return false;
    at += 17 + static_cast<std::size_t>(symbols);
  }
  return true;
}

// Of all the tables that stb_image may come to.
bool has_sound_tables(std::string_view bytes) {
  bool in_scans = false;  // where a marker may be anywhere, so that each is looked at
  for (std::size_t at = 0; at + 1 < bytes.size();) {
    const int marker = byte_at(bytes, at + 1);
    if (byte_at(bytes, at) != 0xff || marker == 0xff) {
      ++at;
      continue;
    }
    at += 2;
    if (marker == huffman && !is_sound(bytes, at)) return false;
    if (in_scans) continue;
    in_scans = marker == start_of_scan;
    if (is_segment(marker))
      at += segment_length(bytes, at);
    else if (!in_scans && marker != start_of_image)
      return true;  // stb_image goes no further
  }
  return true;
}

// Up to the last chunk; what is behind it does not matter, nor whether a checksum is there.
const char* find_chunk_fault(std::string_view bytes) {
  constexpr std::size_t signature = 8, head = 8, checksum = 4;
  bool has_data = false;
  for (std::size_t at = signature; at + head <= bytes.size() && bytes.substr(at + 4, 4) != "IEND";) {
    const std::size_t length = big_endian(bytes, at, 4);
    if (length > bytes.size() - at - head) return "a chunk longer than the file";
    if (bytes.substr(at + 4, 4) == "IDAT") {
      // stb_image copies it to memory that it has not asked for yet.
      if (length == 0 && !has_data) return "an empty chunk in place of the first data";
      has_data = true;
    }
    at += head + length + checksum;
  }
  return nullptr;
}

}  // namespace

const char* find_image_fault(std::string_view bytes) {
  if (bytes.starts_with('\xff') && !has_sound_tables(bytes)) return "a Huffman table of more than 256 symbols";
  return bytes.starts_with("\x89PNG") ? find_chunk_fault(bytes) : nullptr;
}

}  // namespace mpad
