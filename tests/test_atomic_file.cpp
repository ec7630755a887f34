// SPDX-License-Identifier: MIT
#include "temporary.h"

#include <mpad/train/atomic_file.h>

#include <sys/resource.h>

#include <csignal>

using namespace mpad;
using test::error_of;
using test::TemporaryDirectory;

namespace {

// Within its scope no file grows beyond `bytes`: writing fails as on a full disk.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    REQUIRE(getrlimit(RLIMIT_FSIZE, &before_) == 0);
    const rlimit limit{bytes, before_.rlim_max};
    REQUIRE(setrlimit(RLIMIT_FSIZE, &limit) == 0);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  void (*handler_)(int);
  rlimit before_{};
};

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("a file is read back to the byte, an empty one and one with zeros and line ends included") {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/x";
  for (const std::string& text : {std::string(), std::string("a\0b\r\n\n", 6), std::string(3'000'000, 'z')}) {
    write_file(path, text);
    CHECK(read_file(path) == text);
  }
  CHECK(directory.list() == Names{"x"});
}

TEST_CASE("a file has its name and contents only when committed") {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/x";
  write_file(path, "old");
  {
    AtomicFile file(path);
    file.write("new, in ", 8);
    file.write("parts", 5);
    CHECK(read_file(path) == "old");
    file.commit();
    CHECK(read_file(path) == "new, in parts");
  }
  CHECK(read_file(path) == "new, in parts");
  CHECK(directory.list() == Names{"x"});
}

TEST_CASE("a file that is given up leaves the old one and nothing else") {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/x";
  write_file(path, "old");
  AtomicFile(path).write("new", 3);
  CHECK(read_file(path) == "old");
  CHECK(directory.list() == Names{"x"});
}

TEST_CASE("what a killed process left under the temporary name does no harm") {
  const TemporaryDirectory directory;
  directory.write("x.partial", test::Bytes(1000, 'p'));
  write_file(directory.path() + "/x", "new");
  CHECK(read_file(directory.path() + "/x") == "new");
  CHECK(directory.list() == Names{"x"});
}

TEST_CASE("where the system refuses, the error names the file and its reason, and nothing is left") {
  const TemporaryDirectory directory;
  const std::string at = directory.path() + "/";
  CHECK(error_of(directory, [&] { write_file(at + "none/x", ""); }) ==
        "cannot write none/x: No such file or directory");
  write_file(at + "file", "");
  CHECK(error_of(directory, [&] { write_file(at + "file/x", ""); }) == "cannot write file/x: Not a directory");
  std::filesystem::create_directory(at + "folder");
  CHECK(error_of(directory, [&] { write_file(at + "folder", "text"); }) == "cannot rename to folder: Is a directory");
  CHECK(directory.list() == Names{"file", "folder"});
}

TEST_CASE("on a full disk the old file stays") {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/x";
  write_file(path, "old");
  {
    const FileSizeLimit limit(1000);
    CHECK(error_of(directory, [&] { write_file(path, std::string(5000, 'n')); }) == "cannot write x: File too large");
  }
  CHECK(read_file(path) == "old");
  CHECK(directory.list() == Names{"x"});
}

TEST_CASE("a file that cannot be read is an error with the system's reason") {
  const TemporaryDirectory directory;
  CHECK(error_of(directory, [&] { read_file(directory.path() + "/none"); }) ==
        "cannot read none: No such file or directory");
  std::filesystem::create_directory(directory.path() + "/folder");
  CHECK(error_of(directory, [&] { read_file(directory.path() + "/folder"); }) == "cannot read folder: Is a directory");
}
