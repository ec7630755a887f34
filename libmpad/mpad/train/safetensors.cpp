// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/train/atomic_file.h>
#include <mpad/train/naming.h>
#include <mpad/train/safetensors.h>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <filesystem>
#include <fstream>
#include <set>

namespace mpad {
namespace {

using Json = nlohmann::json;
using Wanted = std::function<bool(const std::string& name)>;
static_assert(std::endian::native == std::endian::little, "the format stores elements in little-endian order");

constexpr std::array<std::string_view, 8> dtype_names = {"F16", "F32", "F64", "U8", "U16", "U32", "U64", "I32"};
constexpr std::uint64_t largest_header = 100'000'000;  // the limit of the format's own reader
constexpr std::uint64_t alignment = 8;

struct Place {
  std::string name{};
  DType dtype{};
  Shape shape{};
  std::uint64_t begin = 0, end = 0;
  bool wanted = true;  // else only the place is known
};

// The beginning of what a hostile file can make as long as it likes.
std::string shown(const Json& value) { return fmt::format("{:.64}", value.dump()); }

std::string titled(const std::string& name) { return fmt::format("tensor '{:.64}'", name); }

DType parse_dtype(const std::string& text) {
  const auto found = std::find(dtype_names.begin(), dtype_names.end(), text);
  require(found != dtype_names.end(), "expected dtype F16, F32, F64, U8, U16, U32, U64 or I32, got '{:.64}'", text);
  return static_cast<DType>(found - dtype_names.begin());
}

std::uint64_t unsigned_number(const Json& value) {
  require(value.is_number_unsigned(), "expected whole numbers of 0 or more, got {}", shown(value));
  return value.get<std::uint64_t>();
}

Shape parse_shape(const Json& extents) {
  require(extents.is_array() && extents.size() <= Shape::max_rank, "expected a shape of at most {} extents, got {}",
          Shape::max_rank, shown(extents));
  Shape shape;
  for (const Json& extent : extents)  // what is too large for the sign is too large for a Shape, which says so
    shape.append(static_cast<std::int64_t>(std::min<std::uint64_t>(unsigned_number(extent), INT64_MAX)));
  return shape;
}

Place parse_place(const std::string& name, const Json& entry, std::uint64_t data_bytes, bool wanted) {
  require(entry.is_object() && entry.size() == 3 && entry.contains("dtype") && entry.contains("shape") &&
              entry.contains("data_offsets"),
          "expected dtype, shape and data_offsets, got {}", shown(entry));
  const Json &dtype = entry["dtype"], &offsets = entry["data_offsets"];
  require(dtype.is_string() && offsets.is_array() && offsets.size() == 2, "expected a dtype and two offsets, got {}",
          shown(entry));
  Place place{.name = name, .begin = unsigned_number(offsets[0]), .end = unsigned_number(offsets[1]), .wanted = wanted};
  if (!wanted) {
    require(place.begin <= place.end && place.end <= data_bytes,
            "expected bytes within {} of data, got offsets {} to {}", data_bytes, place.begin, place.end);
    return place;
  }
  place.dtype = parse_dtype(dtype.get<std::string>());
  place.shape = parse_shape(entry["shape"]);
  // At most 2^59 elements of 8 bytes: no overflow.
  const std::uint64_t bytes = static_cast<std::uint64_t>(place.shape.numel()) * size_of(place.dtype);
  require(place.begin <= place.end && place.end <= data_bytes && place.end - place.begin == bytes,
          "expected {} bytes within {} of data, got offsets {} to {}", bytes, data_bytes, place.begin, place.end);
  return place;
}

// Refuses what the parser takes: of equal keys it keeps the last, and it nests as deep as the text does.
Json parse_header(const std::string& text) {
  constexpr int levels = 3;  // header, tensor, shape
  std::vector<std::set<std::string>> keys;
  using Event = Json::parse_event_t;
  const auto check_event = [&](int depth, Event event, Json& parsed) {
    require(depth < levels || (event != Event::object_start && event != Event::array_start),
            "expected a header of {} levels, got more", levels);
    if (event == Event::object_start) keys.emplace_back();
    if (event == Event::object_end) keys.pop_back();
    if (event == Event::key) {
      const auto name = parsed.get<std::string>();
      require(keys.back().insert(name).second, "expected every name once, got '{:.64}' twice", name);
    }
    return true;
  };
  require(!text.empty() && text.front() == '{', "expected a header that starts with '{{'");
  try {
    return Json::parse(text, check_event);
  } catch (const Json::exception&) {
    fail("expected a header in JSON");
  }
}

std::map<std::string, std::string> parse_metadata(const Json& entry) {
  std::map<std::string, std::string> metadata;
  require(entry.is_object(), "expected __metadata__ of names and strings, got {}", shown(entry));
  for (const auto& [name, value] : entry.items()) {
    require(value.is_string(), "expected __metadata__ of names and strings, got {}", shown(value));
    metadata[name] = value.get<std::string>();
  }
  return metadata;
}

// Tensors in file order, which must be without overlap or hole.
std::vector<Place> parse_places(const Json& header, std::uint64_t data_bytes, const Wanted& wanted) {
  std::vector<Place> places;
  for (const auto& [name, entry] : header.items())
    if (name != "__metadata__")
      naming(titled(name), [&, &name = name, &entry = entry] {
        places.push_back(parse_place(name, entry, data_bytes, !wanted || wanted(name)));
      });
  std::stable_sort(places.begin(), places.end(), [](const Place& a, const Place& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  std::uint64_t next = 0;
  for (const Place& place : places) {
    require(place.begin == next, "{}: expected data from {} on, got {}", titled(place.name), next, place.begin);
    next = place.end;
  }
  require(next == data_bytes, "expected {} bytes of data, got {}", next, data_bytes);
  return places;
}

void read_bytes(std::istream& file, void* to, std::uint64_t bytes) {
  file.read(static_cast<char*>(to), static_cast<std::streamsize>(bytes));
  require(file.good() || bytes == 0, "expected {} more bytes, got the end of the file", bytes);
}

TensorFile read_tensors(std::istream& file, std::uint64_t file_bytes, const Wanted& wanted) {
  std::uint64_t header_bytes = 0;
  require(file_bytes >= sizeof header_bytes, "expected a header length of 8 bytes, got a file of {}", file_bytes);
  read_bytes(file, &header_bytes, sizeof header_bytes);
  const std::uint64_t rest = file_bytes - sizeof header_bytes;
  require(header_bytes <= std::min(rest, largest_header), "expected a header of at most {} bytes, got {}",
          std::min(rest, largest_header), header_bytes);
  std::string text(header_bytes, '\0');
  read_bytes(file, text.data(), header_bytes);
  const Json header = parse_header(text);
  TensorFile result;
  if (header.contains("__metadata__")) result.metadata = parse_metadata(header["__metadata__"]);
  for (const Place& place : parse_places(header, rest - header_bytes, wanted)) {
    if (!place.wanted) {
      file.seekg(static_cast<std::streamoff>(place.end - place.begin), std::ios::cur);
      continue;
    }
    result.tensors.push_back({place.name, Tensor(place.shape, place.dtype)});
    read_bytes(file, result.tensors.back().tensor.view().data, place.end - place.begin);
  }
  return result;
}

std::string make_header(const TensorFile& file) {
  Json header = Json::object();
  if (!file.metadata.empty()) header["__metadata__"] = file.metadata;
  std::uint64_t offset = 0;
  for (const auto& [name, tensor] : file.tensors) {
    require(name != "__metadata__" && !header.contains(name), "expected every name once, got '{}' twice", name);
    Json extents = Json::array();
    for (int axis = 0; axis < tensor.shape().rank(); ++axis) extents.push_back(tensor.shape()[axis]);
    const std::uint64_t end = offset + tensor.bytes();
    header[name] = {{"dtype", dtype_names[static_cast<std::size_t>(tensor.dtype())]},
                    {"shape", std::move(extents)},
                    {"data_offsets", {offset, end}}};
    offset = end;
  }
  try {
    std::string text = header.dump();
    text.resize((text.size() + alignment - 1) / alignment * alignment, ' ');
    return text;
  } catch (const Json::exception&) {
    fail("expected names and metadata in UTF-8");
  }
}

}  // namespace

void write_safetensors(const std::string& path, const TensorFile& file) {
  const std::string header = naming(path, [&] { return make_header(file); });
  const std::uint64_t header_bytes = header.size();
  AtomicFile out(path);
  out.write(&header_bytes, sizeof header_bytes);
  out.write(header.data(), header.size());
  for (const NamedTensor& named : file.tensors) {
    const Tensor here = named.tensor.to(Device::cpu);
    out.write(here.view().data, here.bytes());
  }
  out.commit();
}

TensorFile read_safetensors(const std::string& path, const Wanted& wanted) {
  std::error_code error;
  const std::uint64_t bytes = std::filesystem::file_size(path, error);
  require(!error, "cannot read {}: {}", path, error.message());
  std::ifstream file(path, std::ios::binary);
  require(file.is_open(), "cannot read {}", path);
  return naming(path, [&] { return read_tensors(file, bytes, wanted); });
}

}  // namespace mpad
