// SPDX-License-Identifier: MIT
// Any bytes are a MAT-file or an Error. A first byte of even value means that the rest is the file; of odd value, that
// it is an array, which is then compressed and gets a header.
#include "memory_file.h"

#include <mpad/core/error.h>
#include <mpad/data/mat.h>
#include <mpad/data/svhn.h>

#include <zlib.h>

using mpad::fuzz::MemoryFile;
using mpad::fuzz::require_true;

namespace {

std::string compressed_file(const std::string& array) {
  uLongf size = compressBound(array.size());
  std::string packed(size, '\0');
  require_true(compress(reinterpret_cast<Bytef*>(packed.data()), &size, reinterpret_cast<const Bytef*>(array.data()),
                        array.size()) == Z_OK);
  std::string file("MATLAB");
  file.resize(124, ' ');
  file += std::string("\0\1IM", 4);
  for (const std::uint64_t word : {std::uint64_t{15}, std::uint64_t{size}})
    for (int shift = 0; shift < 32; shift += 8) file += static_cast<char>(word >> shift & 0xff);
  return file + packed.substr(0, size);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size == 0) return -1;
  const std::string rest(reinterpret_cast<const char*>(bytes) + 1, size - 1);
  const std::string text = bytes[0] % 2 == 0 ? rest : compressed_file(rest);
  const MemoryFile file(text.data(), text.size());
  try {
    const mpad::MatArray array = mpad::read_mat_array(file.path(), "X");
    std::int64_t count = 1;
    for (const std::int64_t extent : array.extents) count *= extent;
    require_true(count == array.values.numel());
    mpad::read_svhn(file.path());
  } catch (const mpad::Error&) {
    return 0;
  }
  return 0;
}
