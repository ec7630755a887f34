// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/train/atomic_file.h>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <utility>

namespace mpad {
namespace {

void require_system(bool worked, const char* what, const std::string& path) {
  require(worked, "cannot {} {}: {}", what, path, std::strerror(errno));
}

struct Closing {
  int descriptor;
  ~Closing() { ::close(descriptor); }
};

void flush_directory_of(const std::string& path) {
  const std::filesystem::path parent = std::filesystem::path(path).parent_path();
  const std::string directory = parent.empty() ? "." : parent.string();
  const int descriptor = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  require_system(descriptor >= 0, "open directory", directory);
  const Closing closing{descriptor};
  const bool flushed = ::fsync(descriptor) == 0 || errno == EINVAL;  // some file systems have no flush of directories
  require_system(flushed, "flush directory", directory);
}

}  // namespace

AtomicFile::AtomicFile(std::string path)
    : path_(std::move(path)),
      temporary_(path_ + temporary_suffix),
      descriptor_(::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)) {
  require_system(descriptor_ >= 0, "write", path_);
}

AtomicFile::~AtomicFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  ::unlink(temporary_.c_str());
}

void AtomicFile::write(const void* data, std::size_t bytes) {
  const auto* next = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t written = ::write(descriptor_, next, bytes);
    if (written < 0 && errno == EINTR) continue;
    require_system(written >= 0, "write", path_);
    next += written;
    bytes -= static_cast<std::size_t>(written);
  }
}

void AtomicFile::commit() {
  require_system(::fsync(descriptor_) == 0, "flush", path_);
  require_system(std::rename(temporary_.c_str(), path_.c_str()) == 0, "rename to", path_);
  ::close(std::exchange(descriptor_, -1));
  flush_directory_of(path_);
}

void write_file(const std::string& path, std::string_view text) {
  AtomicFile file(path);
  file.write(text.data(), text.size());
  file.commit();
}

std::string read_file(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  require_system(descriptor >= 0, "read", path);
  const Closing closing{descriptor};
  std::string text;
  for (char part[1 << 16];;) {
    const ssize_t got = ::read(descriptor, part, sizeof part);
    if (got < 0 && errno == EINTR) continue;
    require_system(got >= 0, "read", path);
    if (got == 0) return text;
    text.append(part, static_cast<std::size_t>(got));
  }
}

}  // namespace mpad
