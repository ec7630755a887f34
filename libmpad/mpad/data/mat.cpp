// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/data/mat.h>
#include <mpad/data/mat_stream.h>

#include <fmt/ranges.h>

#include <bit>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>

namespace mpad {
namespace {

static_assert(std::endian::native == std::endian::little, "arrays are read as they are stored");

// Types of data elements, and classes of arrays from double to uint64, by their numbers in the format.
enum Type : std::uint32_t {
  miINT8 = 1,
  miUINT8 = 2,
  miINT32 = 5,
  miUINT32 = 6,
  miDOUBLE = 9,
  miMATRIX = 14,
  miCOMPRESSED = 15
};
constexpr std::uint32_t first_numeric_class = 6, last_numeric_class = 15, complex_flag = 0x800;

// What says of an element what and how long it is. Up to four bytes of data fit into the tag itself.
struct Tag {
  std::uint32_t type, size;
  bool is_small;
  std::uint8_t data[4];
};

Tag parse_tag(const std::uint8_t (&bytes)[8]) {
  std::uint32_t words[2];
  std::memcpy(words, bytes, sizeof words);
  Tag tag{words[0], words[1], words[0] >> 16 != 0, {}};
  if (tag.is_small) tag = {words[0] & 0xffff, words[0] >> 16, true, {bytes[4], bytes[5], bytes[6], bytes[7]}};
  return tag;
}

Tag read_tag(MatStream& stream) {
  std::uint8_t bytes[8];
  stream.read(bytes, sizeof bytes);
  return parse_tag(bytes);
}

// The data behind a tag, and what fills it up to a multiple of eight bytes.
void read_data(MatStream& stream, const Tag& tag, void* to) {
  if (tag.is_small) return void(std::memcpy(to, tag.data, tag.size));
  stream.read(to, tag.size);
  std::uint8_t padding[8];
  stream.read(padding, (8 - tag.size % 8) % 8);
}

// A short part of an array's header: of this type and at most so many bytes.
std::string read_part(MatStream& stream, const std::string& path, Type type, std::uint32_t most, const char* what) {
  const Tag tag = read_tag(stream);
  require(tag.type == type && tag.size <= (tag.is_small ? 4 : most),
          "mat: {}: expected {} of type {} in at most {} bytes, got type {} and {} bytes", path, what,
          static_cast<std::uint32_t>(type), most, tag.type, tag.size);
  std::string bytes(tag.size, '\0');
  read_data(stream, tag, bytes.data());
  return bytes;
}

std::vector<std::int64_t> read_extents(MatStream& stream, const std::string& path) {
  const std::string bytes = read_part(stream, path, miINT32, 4 * 32, "extents");
  require(bytes.size() >= 8 && bytes.size() % 4 == 0, "mat: {}: expected two extents or more of 4 bytes, got {} bytes",
          path, bytes.size());
  std::vector<std::int32_t> extents(bytes.size() / 4);
  std::memcpy(extents.data(), bytes.data(), 4 * extents.size());
  return {extents.begin(), extents.end()};
}

// The numbers of an array, as many as its extents say.
Tensor read_values(MatStream& stream, const std::string& path, const std::vector<std::int64_t>& extents) {
  const Tag tag = read_tag(stream);
  require(tag.type == miUINT8 || tag.type == miDOUBLE, "mat: {}: expected bytes or doubles (type 2 or 9), got type {}",
          path, tag.type);
  const std::uint32_t element = tag.type == miUINT8 ? 1 : 8;
  std::int64_t rest = tag.size / element;  // divided by each extent, so that nothing can overflow
  bool fits = tag.size > 0 && tag.size % element == 0;
  for (const std::int64_t extent : extents) {
    fits = fits && extent > 0 && rest % extent == 0;
    if (fits) rest /= extent;
  }
  require(fits && rest == 1, "mat: {}: expected {} numbers of {} bytes, got {} bytes", path, fmt::join(extents, "x"),
          element, tag.size);
  require(tag.is_small ? tag.size <= 4 : tag.size <= stream.most(),
          "mat: {}: expected {} bytes in an array, got an element too short for them", path, tag.size);
  const Tensor values({tag.size / element}, tag.type == miUINT8 ? DType::u8 : DType::f64);
  read_data(stream, tag, values.view().data);
  return values;
}

// The array at the beginning of `stream` if it is one of numbers and has this name.
std::optional<MatArray> read_array(MatStream& stream, const std::string& path, const std::string& name) {
  std::uint32_t flags[2];
  const std::string flag_bytes = read_part(stream, path, miUINT32, sizeof flags, "array flags");
  require(flag_bytes.size() == sizeof flags, "mat: {}: expected array flags in 8 bytes, got {}", path,
          flag_bytes.size());
  std::memcpy(flags, flag_bytes.data(), sizeof flags);
  const std::uint32_t array_class = flags[0] & 0xff;
  if (array_class < first_numeric_class || array_class > last_numeric_class) return std::nullopt;
  MatArray array{read_extents(stream, path), {}};
  if (read_part(stream, path, miINT8, 255, "a name") != name) return std::nullopt;
  require((flags[0] & complex_flag) == 0, "mat: {}: expected real numbers in '{}', got complex ones", path, name);
  array.values = read_values(stream, path, array.extents);
  stream.finish();
  return array;
}

// Leaves the file behind its header.
void check_header(std::istream& file, const std::string& path) {
  char header[128];
  require(static_cast<bool>(file.read(header, sizeof header)) && std::memcmp(header, "MATLAB", 6) == 0,
          "mat: {}: expected a MAT-file of level 5, got another file", path);
  const std::string order(header + 126, 2);
  require(order != "MI", "mat: {}: expected a little-endian file, got a big-endian one", path);
  std::uint16_t version;
  std::memcpy(&version, header + 124, sizeof version);
  require(order == "IM" && version == 0x100, "mat: {}: expected a MAT-file of version 0x0100, got {:#06x}{}", path,
          version, version == 0x200 ? " (level 7.3: save it with -v7)" : "");
}

}  // namespace

MatArray read_mat_array(const std::string& path, const std::string& name) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  const std::streamoff size = file ? static_cast<std::streamoff>(file.tellg()) : -1;
  require(size >= 0 && file.seekg(0), "mat: {}: expected a readable file, got: {}", path, std::strerror(errno));
  check_header(file, path);
  std::uint8_t bytes[8];
  for (std::streamoff next = 128; file.seekg(next) && file.read(reinterpret_cast<char*>(bytes), sizeof bytes);) {
    const Tag tag = parse_tag(bytes);
    const bool compressed = tag.type == miCOMPRESSED;
    require(!tag.is_small && (compressed || tag.type == miMATRIX),
            "mat: {}: expected an array, got an element of type {}", path, tag.type);
    next += 8 + std::streamoff{tag.size};
    require(next <= size, "mat: {}: expected an element of {} bytes, got the end of the file", path, tag.size);
    MatStream stream(file, path, tag.size, compressed);
    const Tag inner = compressed ? read_tag(stream) : tag;
    require(inner.type == miMATRIX, "mat: {}: expected an array, got an element of type {}", path, inner.type);
    if (std::optional<MatArray> array = read_array(stream, path, name)) return *std::move(array);
  }
  fail("mat: {}: expected an array of numbers named '{}', got none", path, name);
}

}  // namespace mpad
