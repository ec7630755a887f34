// SPDX-License-Identifier: MIT
#include "support.h"
#include "temporary.h"

#include <mpad/data/folder_index.h>

#include <chrono>

using namespace mpad;
using namespace mpad::test;
namespace fs = std::filesystem;

namespace {

// A place for the cache, while it lives.
class CacheHome {
 public:
  CacheHome() { setenv("XDG_CACHE_HOME", directory_.path().c_str(), 1); }
  ~CacheHome() { unsetenv("XDG_CACHE_HOME"); }
  std::string path() const { return directory_.path(); }

 private:
  TemporaryDirectory directory_;
};

std::string summary(const std::string& directory) {
  std::string text;
  for (const ImageClass& c : index_folder(directory)) {
    text += c.name + ":";
    for (const ImageFile& file : c.files) text += fmt::format(" {} {}", file.name, file.bytes);
    text += ";";
  }
  return text;
}

// As if the classes had changed so long ago.
void settle(const TemporaryDirectory& directory, std::chrono::seconds ago = std::chrono::hours(1)) {
  for (const auto& entry : fs::directory_iterator(directory.path()))
    if (entry.is_directory()) fs::last_write_time(entry.path(), fs::file_time_type::clock::now() - ago);
}

}  // namespace

TEST_CASE("classes and images are sorted, and what is no image is left out") {
  const CacheHome cache;
  const TemporaryDirectory directory;
  for (const char* name : {"b/2.PNG", "b/10.jpg", "b/note.txt", "a/x.JpEg", "a/.hidden.jpg", ".git/y.jpg", "z.jpg"})
    directory.write(name, Bytes(std::string(name).size()));
  directory.write("b/directory.jpg/file", {});
  CHECK(summary(directory.path()) == "a: x.JpEg 8;b: 10.jpg 8 2.PNG 7;");
}

TEST_CASE("a folder that is not settled is read each time") {
  const CacheHome cache;
  const TemporaryDirectory directory;
  directory.write("a/1.jpg", Bytes(1));
  settle(directory, std::chrono::seconds(-100));  // so that no slow machine makes it settled
  CHECK(summary(directory.path()) == "a: 1.jpg 1;");
  CHECK(fs::is_empty(cache.path()));
}

TEST_CASE("an index is kept and used until a file comes or goes") {
  const CacheHome cache;
  const TemporaryDirectory directory;
  directory.write("a/1.jpg", Bytes(1));
  directory.write("b/2.jpg", Bytes(2));
  settle(directory);
  const std::string first = summary(directory.path());
  REQUIRE(std::distance(fs::directory_iterator(cache.path() + "/mpad"), {}) == 1);

  directory.write("a/1.jpg", Bytes(100));  // shows that the index is used
  CHECK(summary(directory.path()) == first);
  CHECK(summary(directory.path() + "/a/..") == first);

  directory.write("b/3.jpg", Bytes(3));
  CHECK(summary(directory.path()) == "a: 1.jpg 100;b: 2.jpg 2 3.jpg 3;");
  settle(directory);
  fs::remove(directory.path() + "/b/2.jpg");
  CHECK(summary(directory.path()) == "a: 1.jpg 100;b: 3.jpg 3;");
  directory.write("c/4.jpg", Bytes(4));
  CHECK(summary(directory.path()) == "a: 1.jpg 100;b: 3.jpg 3;c: 4.jpg 4;");
  fs::remove_all(directory.path() + "/a");
  CHECK(summary(directory.path()) == "b: 3.jpg 3;c: 4.jpg 4;");
}

TEST_CASE("a damaged index, or one of another folder, is not used") {
  const CacheHome cache;
  const TemporaryDirectory directory;
  directory.write("a/1.jpg", Bytes(1));
  settle(directory);
  const std::string first = summary(directory.path());
  const fs::path kept = *fs::directory_iterator(cache.path() + "/mpad");
  const auto changed = index_folder(directory.path()).front().changed;
  const std::string of_class = fmt::format(R"({{"name":"a","changed":{},"files":)", changed);
  const std::string wrong = R"("directory":"/elsewhere")", right = R"("directory":")" + directory.path() + '"';
  for (const std::string& text : {std::string(), std::string("{"), std::string("[]"),
                                  "{" + wrong + R"(,"classes":[)" + of_class + R"([["9.jpg",9]]}]})",
                                  "{" + right + R"(,"classes":[)" + of_class + R"([["9.jpg"]]}]})",
                                  "{" + right + R"(,"classes":[)" + of_class + "[]}]}",
                                  "{" + right + R"(,"classes":[{"name":"b"}]})", "{" + right + R"(,"classes":7})"}) {
    std::ofstream(kept) << text;
    CHECK(summary(directory.path()) == first);
  }
  std::ofstream(kept) << "{" + right + R"(,"classes":[)" + of_class + R"([["9.jpg",9]]}]})";
  CHECK(summary(directory.path()) == "a: 9.jpg 9;");
}

TEST_CASE("no place for the index is no error") {
  const TemporaryDirectory directory;
  directory.write("a/1.jpg", Bytes(1));
  directory.write("file", {});
  settle(directory);
  for (const std::string& place : {directory.path() + "/file", std::string("/proc/none")}) {
    setenv("XDG_CACHE_HOME", place.c_str(), 1);
    CHECK(summary(directory.path()) == "a: 1.jpg 1;");
  }
  unsetenv("XDG_CACHE_HOME");
}

TEST_CASE("folders without classes, images or existence are errors") {
  const CacheHome cache;
  const TemporaryDirectory directory;
  CHECK(error_of(directory, [&] { index_folder(directory.path() + "/none"); }) ==
        "image folder: none: expected readable directories, got: No such file or directory");
  directory.write("x/file.jpg", Bytes(1));
  CHECK(error_of(directory, [&] { index_folder(directory.path() + "/x"); }) ==
        "image folder: x: expected a directory for each class, got none");
  directory.write("x/empty/note.txt", Bytes(1));
  CHECK(error_of(directory, [&] { index_folder(directory.path() + "/x"); }) ==
        "image folder: x/empty: expected JPEG or PNG images, got none");
}
