// SPDX-License-Identifier: MIT
#include "temporary.h"

#include <mpad/train/atomic_file.h>
#include <mpad/train/output_directory.h>

using namespace mpad;
using test::TemporaryDirectory;
using Names = std::vector<std::string>;

namespace {

const Names files{"drift.csv"};

OutputDirectory open(const TemporaryDirectory& directory, Existing existing, const std::string& network = "small") {
  return OutputDirectory({.directory = directory.path(), .existing = existing}, {{"network", network}}, files);
}

std::string open_error(const TemporaryDirectory& directory, Existing existing, const std::string& network = "small") {
  return test::error_of(directory, [&] { open(directory, existing, network); });
}

}  // namespace

TEST_CASE("an output directory keeps named files and a record") {
  const TemporaryDirectory directory;
  const OutputDirectory output = open(directory, Existing::refuse);
  CHECK(output.kept());
  CHECK_FALSE(output.has("drift.csv"));
  output.write("drift.csv", "replica\n0\n");
  CHECK(output.has("drift.csv"));
  CHECK(directory.list() == Names{"drift.csv", "run.json"});
  CHECK(read_file(output.file("drift.csv")) == "replica\n0\n");
  output.remove("drift.csv");
  output.remove("drift.csv");  // is not there
  CHECK(directory.list() == Names{"run.json"});
}

TEST_CASE("results in an output directory stay unless they are to be overwritten") {
  const TemporaryDirectory directory;
  open(directory, Existing::refuse).write("drift.csv", "old");
  directory.write("drift.csv.partial", {'x'});
  directory.write("notes.txt", {'x'});
  CHECK(open_error(directory, Existing::refuse).find("holds results already: expected --resume") != std::string::npos);
  CHECK(test::error_of(directory, [&] {
          OutputDirectory({.directory = directory.path(), .resumable = false}, {}, files);
        }).ends_with("holds results already: expected --force to overwrite them"));
  CHECK(directory.list() == Names{"drift.csv", "drift.csv.partial", "notes.txt", "run.json"});
  open(directory, Existing::overwrite);
  CHECK(directory.list() == Names{"notes.txt", "run.json"});
}

TEST_CASE("an output directory is continued in the same context only") {
  const TemporaryDirectory directory;
  open(directory, Existing::resume).write("drift.csv", "old");  // there is nothing yet
  CHECK(open(directory, Existing::resume).has("drift.csv"));
  CHECK(open_error(directory, Existing::resume, "other") == "run.json: expected network small as before, got other");
  std::filesystem::remove(directory.path() + "/run.json");
  CHECK(open_error(directory, Existing::resume).find("its run.json is missing") != std::string::npos);
}

TEST_CASE("a record alone, of a start that failed, is in nobody's way") {
  const TemporaryDirectory directory;
  for (const Existing existing : {Existing::refuse, Existing::resume}) {
    open(directory, Existing::overwrite);
    open(directory, existing, "corrected");
    CHECK(read_file(directory.path() + "/run.json").find("corrected") != std::string::npos);
  }
}

TEST_CASE("what a killed process has left half-written is in nobody's way either") {
  const TemporaryDirectory directory;
  open(directory, Existing::refuse);
  for (const char* name : {"drift.csv.partial", "run.json.partial"}) directory.write(name, {'x'});
  open(directory, Existing::refuse, "corrected");
  CHECK(directory.list() == Names{"run.json"});
}

TEST_CASE("another program's results keep their record unless it is to be overwritten") {
  const TemporaryDirectory directory;
  OutputDirectory({.directory = directory.path()}, {{"network", "other"}}, Names{"other.csv"})
      .write("other.csv", "old");
  const std::string record = read_file(directory.path() + "/run.json");
  CHECK(open_error(directory, Existing::refuse).find("holds results already: expected --resume") != std::string::npos);
  CHECK(open_error(directory, Existing::resume) == "run.json: expected network other as before, got small");
  CHECK(read_file(directory.path() + "/run.json") == record);
  open(directory, Existing::overwrite);
  CHECK(directory.list() == Names{"other.csv", "run.json"});
  CHECK(read_file(directory.path() + "/run.json").find("small") != std::string::npos);
}

TEST_CASE("an output directory is one process's at a time") {
  const TemporaryDirectory directory;
  for (const Existing existing : {Existing::refuse, Existing::resume, Existing::overwrite}) {
    const OutputDirectory output = open(directory, Existing::overwrite);
    output.write("drift.csv", "old");
    CHECK_THROWS_WITH(open(directory, existing), directory.path() + ": in use by another process");
    CHECK(read_file(output.file("drift.csv")) == "old");
  }
  CHECK(open(directory, Existing::resume).has("drift.csv"));
}

TEST_CASE("without a path nothing is kept") {
  const OutputDirectory output({}, {}, files);
  CHECK_FALSE(output.kept());
  output.write("drift.csv", "new");
  CHECK_FALSE(output.has("drift.csv"));
}
