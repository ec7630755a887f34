// SPDX-License-Identifier: MIT
// Files that tests write: a directory that goes away with its owner, contents to put there, and what is said of them.
#pragma once
#include "catch.h"

#include <mpad/core/error.h>

#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace mpad::test {

using Bytes = std::vector<std::uint8_t>;

/// A new directory, removed with all that is in it at the end of the scope.
class TemporaryDirectory {
 public:
  TemporaryDirectory() : path_((std::filesystem::temp_directory_path() / "mpad-XXXXXX").string()) {
    REQUIRE(mkdtemp(path_.data()) != nullptr);
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::string& path() const { return path_; }

  /// Writes a file, and directories on its way, and returns its path.
  std::string write(const std::string& name, const Bytes& bytes) const {
    const std::filesystem::path file = std::filesystem::path(path_) / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary).write(reinterpret_cast<const char*>(bytes.data()), std::ssize(bytes));
    return file.string();
  }

  /// Names of all that is in the directory, sorted.
  std::vector<std::string> list() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(path_)) names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    return names;
  }

 private:
  std::string path_;
};

/// The directory that holds the real data set `name`, $MPAD_DATA; empty, with a warning that the test is skipped, if
/// none does.
inline std::string real_data(const std::string& name) {
  const char* root = std::getenv("MPAD_DATA");
  std::error_code ignored;
  if (root != nullptr && std::filesystem::is_directory(std::filesystem::path(root) / name, ignored)) return root;
  WARN("skipped: $MPAD_DATA names no directory with " + name + "/");
  return {};
}

/// The message of the Error that f throws, with the path of `directory` cut out; empty if it throws none.
template <class F>
std::string error_of(const TemporaryDirectory& directory, F&& f) {
  try {
    f();
  } catch (const Error& error) {
    std::string text = error.what();
    for (std::size_t at; (at = text.find(directory.path() + "/")) != std::string::npos;)
      text.erase(at, directory.path().size() + 1);
    return text;
  }
  return {};
}

/// An IDX file of bytes: magic number, extents, body.
inline Bytes idx_bytes(const std::vector<std::uint32_t>& extents, const Bytes& body) {
  Bytes bytes{0, 0, 8, static_cast<std::uint8_t>(extents.size())};
  for (const std::uint32_t extent : extents)
    for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<std::uint8_t>(extent >> shift));
  bytes.insert(bytes.end(), body.begin(), body.end());
  return bytes;
}

/// The bytes as a gzip file.
inline Bytes gzip(const Bytes& bytes) {
  z_stream stream{};
  constexpr int gzip_format = 15 + 16;
  REQUIRE(deflateInit2(&stream, 6, Z_DEFLATED, gzip_format, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  Bytes out(deflateBound(&stream, bytes.size()));
  stream.next_in = const_cast<Bytef*>(bytes.data());
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = out.data();
  stream.avail_out = static_cast<uInt>(out.size());
  const int code = deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  REQUIRE(code == Z_STREAM_END);
  return out;
}

}  // namespace mpad::test
