// SPDX-License-Identifier: MIT
#include <mpad/data/checksum.h>

#include <fmt/format.h>
#include <zlib.h>

namespace mpad {

void Crc32::update(const void* bytes, std::size_t count) {
  value_ = static_cast<std::uint32_t>(crc32_z(value_, static_cast<const Bytef*>(bytes), count));
}

std::string Crc32::hex() const { return fmt::format("{:08x}", value_); }

}  // namespace mpad
