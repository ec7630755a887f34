// SPDX-License-Identifier: MIT
// Any bytes are an IDX file or an Error. A first byte of even value means images, of odd value labels; the rest is the
// file, plain or gzip.
#include "memory_file.h"

#include <mpad/core/error.h>
#include <mpad/data/idx.h>

using mpad::fuzz::MemoryFile;
using mpad::fuzz::require_true;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size == 0) return -1;
  const MemoryFile file(bytes + 1, size - 1);
  try {
    if (bytes[0] % 2 == 0) {
      const mpad::IdxFile images = mpad::read_idx_images(file.path());
      require_true(images.values.shape().rank() == 4 && images.values.numel() > 0);
    } else {
      const mpad::IdxFile labels = mpad::read_idx_labels(file.path(), 10);
      for (const std::int32_t label : labels.values.span<std::int32_t>()) require_true(label >= 0 && label < 10);
    }
  } catch (const mpad::Error&) {
    return 0;
  }
  return 0;
}
