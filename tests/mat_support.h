// SPDX-License-Identifier: MIT
// MAT-files that tests write.
#pragma once
#include "temporary.h"

#include <cstring>

namespace mpad::test {

/// Numbers as they are stored, on a little-endian machine.
template <class T>
Bytes as_bytes(const std::vector<T>& values) {
  Bytes bytes(values.size() * sizeof(T));
  if (!values.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

inline Bytes joined(const std::vector<Bytes>& parts) {
  std::size_t size = 0;
  for (const Bytes& part : parts) size += part.size();
  Bytes bytes(size);
  auto to = bytes.begin();
  for (const Bytes& part : parts) to = std::copy(part.begin(), part.end(), to);
  return bytes;
}

/// A data element: tag, data, and zeros up to a multiple of eight bytes.
inline Bytes mat_element(std::uint32_t type, const Bytes& data, bool padded = true) {
  const Bytes tag = as_bytes(std::vector<std::uint32_t>{type, static_cast<std::uint32_t>(data.size())});
  return joined({tag, data, Bytes(padded ? (8 - data.size() % 8) % 8 : 0)});
}

/// What an array consists of; its parts may be wrong.
struct MatParts {
  std::string name = "x";
  std::vector<std::uint32_t> extents{1, 1};
  std::uint32_t type = 2;  ///< of the data: 2 bytes, 9 doubles
  Bytes data{0};
  std::uint32_t array_class = 9;  ///< and flags
};

inline Bytes mat_array(const MatParts& parts) {
  Bytes name(parts.name.begin(), parts.name.end());
  if (name.size() <= 4) {  // it fits into its tag
    const auto tag = static_cast<std::uint32_t>(name.size()) << 16 | 1;
    name = joined({as_bytes(std::vector<std::uint32_t>{tag}), name, Bytes(4 - name.size())});
  } else {
    name = mat_element(1, name);
  }
  const Bytes flags = as_bytes(std::vector<std::uint32_t>{parts.array_class, 0});
  return mat_element(14, joined({mat_element(6, flags), mat_element(5, as_bytes(parts.extents)), name,
                                 mat_element(parts.type, parts.data)}));
}

inline Bytes mat_compressed(const Bytes& element) {
  uLongf size = compressBound(element.size());
  Bytes packed(size);
  REQUIRE(compress(packed.data(), &size, element.data(), element.size()) == Z_OK);
  packed.resize(size);
  return mat_element(15, packed, false);
}

inline Bytes mat_file(const std::vector<Bytes>& elements, const std::string& order = "IM", std::uint8_t version = 1) {
  const std::string text = "MATLAB 5.0 MAT-file, written by a test";
  Bytes header(128, ' ');
  std::copy(text.begin(), text.end(), header.begin());
  header[124] = 0;
  header[125] = version;
  std::copy_n(order.begin(), 2, header.begin() + 126);
  return joined({header, joined(elements)});
}

}  // namespace mpad::test
