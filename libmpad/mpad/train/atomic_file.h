// SPDX-License-Identifier: MIT
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace mpad {

/// A file that is written under a temporary name beside its own and takes its name only when complete and on disk:
/// after a crash at any moment there is the old file or the new one, never a part. Throws Error, naming the file, where
/// the system refuses.
class AtomicFile {
 public:
  /// What the temporary name adds to the file's own.
  static constexpr const char* temporary_suffix = ".partial";

  explicit AtomicFile(std::string path);
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  /// Removes the temporary file unless committed.
  ~AtomicFile();

  void write(const void* data, std::size_t bytes);
  /// Flushes the file to disk, gives it its name, and flushes the directory.
  void commit();

 private:
  std::string path_, temporary_;
  int descriptor_;
};

/// Writes a whole file this way.
void write_file(const std::string& path, std::string_view text);

/// The whole file. Throws Error, naming it, if it cannot be read.
std::string read_file(const std::string& path);

}  // namespace mpad
