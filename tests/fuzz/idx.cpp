// SPDX-License-Identifier: MIT
// Any bytes are an IDX file or an Error. A first byte of even value means images, of odd value labels; the rest is the
// file, plain or gzip.
#include <mpad/core/error.h>
#include <mpad/data/idx.h>

#include <cstdint>
#include <cstdlib>
#include <string>

#include <sys/mman.h>
#include <unistd.h>

namespace {

// A file in memory, which has a path like any other.
class MemoryFile {
 public:
  MemoryFile(const std::uint8_t* bytes, std::size_t size) : descriptor_(memfd_create("idx", MFD_CLOEXEC)) {
    if (descriptor_ < 0 || write(descriptor_, bytes, size) != static_cast<ssize_t>(size)) std::abort();
  }
  ~MemoryFile() { close(descriptor_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

void require_true(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

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
