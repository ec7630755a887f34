// SPDX-License-Identifier: MIT
// Any bytes are a safetensors file or an Error. A first byte of even value means that the rest is the file; of odd
// value, that it is a header up to the first zero byte, to which the length is put, and then the data.
#include "memory_file.h"

#include <mpad/core/error.h>
#include <mpad/train/safetensors.h>

#include <algorithm>

using mpad::fuzz::MemoryFile;
using mpad::fuzz::require_true;

namespace {

std::string with_length(const std::string& text) {
  const std::uint64_t end = std::min(text.find('\0'), text.size());
  return std::string(reinterpret_cast<const char*>(&end), sizeof end) + text.substr(0, end) +
         text.substr(std::min<std::size_t>(end + 1, text.size()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size == 0) return -1;
  const std::string rest(reinterpret_cast<const char*>(bytes) + 1, size - 1);
  const std::string text = bytes[0] % 2 == 0 ? rest : with_length(rest);
  const MemoryFile file(text.data(), text.size());
  try {
    std::size_t total = 0;
    for (const auto& [name, tensor] : mpad::read_safetensors(file.path()).tensors) total += tensor.bytes();
    require_true(total + sizeof(std::uint64_t) <= text.size());
  } catch (const mpad::Error&) {
    return 0;
  }
  return 0;
}
