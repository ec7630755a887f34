// SPDX-License-Identifier: MIT
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

namespace mpad {

/// CRC-32 (zlib's) of a sequence of bytes that arrives in parts.
class Crc32 {
 public:
  void update(const void* bytes, std::size_t count);
  /// Eight hexadecimal digits.
  std::string hex() const;

 private:
  std::uint32_t value_ = 0;
};

}  // namespace mpad
