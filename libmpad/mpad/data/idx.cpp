// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/data/checksum.h>
#include <mpad/data/idx.h>

#include <fmt/ranges.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <limits>
#include <memory>
#include <vector>

namespace mpad {
namespace {

// The uncompressed bytes of a plain or gzip file, in order.
class ByteReader {
 public:
  explicit ByteReader(const std::string& path) : path_(path), file_(gzopen(path.c_str(), "rb")) {
    require(file_ != nullptr, "idx: {}: expected a readable file, got: {}", path, std::strerror(errno));
    gzbuffer(file_.get(), 1 << 17);
  }

  const std::string& path() const { return path_; }
  std::string checksum() const { return crc_.hex(); }

  // Fills `bytes` as far as the file goes and returns how many it gave. Throws Error on data that is damaged.
  std::size_t read(std::uint8_t* bytes, std::size_t count) {
    const int got = gzread(file_.get(), bytes, static_cast<unsigned>(count));
    if (got < 0 || static_cast<std::size_t>(got) < count) check_stream();
    crc_.update(bytes, static_cast<std::size_t>(got));
    return static_cast<std::size_t>(got);
  }

 private:
  struct Close {
    void operator()(gzFile file) const { gzclose(file); }
  };

  void check_stream() {
    int code = Z_OK;
    const int system = errno;
    const char* what = gzerror(file_.get(), &code);
    require(code != Z_ERRNO, "idx: {}: expected a readable file, got: {}", path_, std::strerror(system));
    require(code == Z_OK, "idx: {}: expected an intact gzip file, got: {}", path_, reason(what));
  }
  // zlib's message begins with the path.
  std::string reason(const std::string& message) const {
    const std::string prefix = path_ + ": ";
    return message.starts_with(prefix) ? message.substr(prefix.size()) : message;
  }

  std::string path_;
  std::unique_ptr<gzFile_s, Close> file_;
  Crc32 crc_{};
};

std::uint32_t read_word(ByteReader& reader, const char* what) {
  std::uint8_t b[4];
  const std::size_t got = reader.read(b, 4);
  require(got == 4, "idx: {}: expected {} in 4 bytes, got {} bytes", reader.path(), what, got);
  return std::uint32_t{b[0]} << 24 | std::uint32_t{b[1]} << 16 | std::uint32_t{b[2]} << 8 | b[3];
}

// What a header promises, before anything says that it is true: too much for a Shape, perhaps.
using Extents = std::vector<std::int64_t>;

// The extents in the header of a file of bytes of the given rank.
Extents read_header(ByteReader& reader, int rank, const char* content) {
  constexpr std::uint32_t bytes = 0x0800;
  const std::uint32_t want = bytes | static_cast<std::uint32_t>(rank), got = read_word(reader, "a magic number");
  require(got == want, "idx: {}: expected the magic number of {}, {:#010x}, got {:#010x}", reader.path(), content, want,
          got);
  Extents extents;
  for (int axis = 0; axis < rank; ++axis) {
    const std::uint32_t extent = read_word(reader, "an extent");
    require(extent >= 1 && extent <= std::numeric_limits<std::int32_t>::max(),
            "idx: {}: expected extents from 1 to 2147483647, got {} for axis {}", reader.path(), extent, axis);
    extents.push_back(extent);
  }
  return extents;
}

// Product of positive extents; the largest number there is where it does not fit.
std::int64_t saturated_size(const Extents& extents) {
  std::int64_t size = 1;
  for (const std::int64_t extent : extents)
    if (__builtin_mul_overflow(size, extent, &size)) return std::numeric_limits<std::int64_t>::max();
  return size;
}

using Chunks = std::deque<std::vector<std::uint8_t>>;

// The rest of the file, which must be as long as the header says.
Chunks read_body(ByteReader& reader, const Extents& extents) {
  constexpr std::int64_t chunk = 1 << 20;
  const std::int64_t size = saturated_size(extents);
  Chunks chunks;
  for (std::int64_t done = 0; done < size; done += chunk) {
    chunks.emplace_back(static_cast<std::size_t>(std::min(chunk, size - done)));
    const std::size_t got = reader.read(chunks.back().data(), chunks.back().size());
    require(got == chunks.back().size(), "idx: {}: expected {} bytes, as its header says, got {}", reader.path(),
            fmt::join(extents, ","), done + static_cast<std::int64_t>(got));
  }
  std::uint8_t extra;
  require(reader.read(&extra, 1) == 0, "idx: {}: expected {} bytes, as its header says, got more", reader.path(),
          fmt::join(extents, ","));
  return chunks;
}

// One array of T from the chunks, which are freed on the way so that a file is in memory once.
template <class T>
Tensor assemble(Chunks chunks, const Shape& shape) {
  const Tensor tensor(shape, dtype_of<T>);
  for (auto to = tensor.span<T>().begin(); !chunks.empty(); chunks.pop_front())
    to = std::copy(chunks.front().begin(), chunks.front().end(), to);
  return tensor;
}

}  // namespace

IdxFile read_idx_images(const std::string& path) {
  ByteReader reader(path);
  const Extents s = read_header(reader, 3, "images");
  Chunks chunks = read_body(reader, s);
  return {assemble<std::uint8_t>(std::move(chunks), {s[0], s[1], s[2], 1}), reader.checksum()};
}

IdxFile read_idx_labels(const std::string& path, int classes) {
  ByteReader reader(path);
  const Extents extents = read_header(reader, 1, "labels");
  const Tensor labels = assemble<std::int32_t>(read_body(reader, extents), {extents[0]});
  for (const std::int32_t label : labels.span<std::int32_t>())
    require(label < classes, "idx: {}: expected labels in 0..{}, got {}", path, classes - 1, label);
  return {labels, reader.checksum()};
}

}  // namespace mpad
