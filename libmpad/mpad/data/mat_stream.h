// SPDX-License-Identifier: MIT
// The bytes of one element of a MAT-file, as they are or as zlib unpacks them.
#pragma once
#include <cstdint>
#include <istream>
#include <memory>
#include <string>
#include <vector>

struct z_stream_s;

namespace mpad {

class MatStream {
 public:
  /// The next `size` bytes of the file, which must have them; `path` is for messages.
  MatStream(std::istream& file, const std::string& path, std::uint64_t size, bool compressed);

  /// Fills `to`. Throws Error, naming the file, if the element ends before or is damaged.
  void read(void* to, std::size_t count);
  /// Throws Error unless the element ends here, intact.
  void finish();
  /// As many bytes as there can be at most: deflate cannot pack more than 1032 into one.
  std::uint64_t most() const { return most_; }

 private:
  struct End {
    void operator()(z_stream_s* stream) const;
  };
  std::size_t unpack(std::uint8_t* to, std::size_t count);
  void refill();

  std::istream& file_;
  std::string path_;
  std::uint64_t left_;  // bytes of the element that are still in the file
  std::uint64_t most_;
  std::unique_ptr<z_stream_s, End> unpacker_{};
  std::vector<std::uint8_t> packed_{};
  bool ended_ = false;
};

}  // namespace mpad
