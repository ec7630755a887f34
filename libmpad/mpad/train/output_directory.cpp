// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/train/atomic_file.h>
#include <mpad/train/output_directory.h>
#include <mpad/train/run_record.h>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

namespace mpad {
namespace {

namespace fs = std::filesystem;

using NameTest = std::function<bool(std::string_view)>;

constexpr const char* record_name = "run.json";

// The files of the directory whose names are those of results with `suffix` behind.
std::vector<fs::path> results_in(const std::string& directory, const NameTest& is_result,
                                 std::string_view suffix = "") {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename();
    if (!name.ends_with(suffix)) continue;
    const std::string_view stem = std::string_view(name).substr(0, name.size() - suffix.size());
    if (stem == record_name || is_result(stem)) found.push_back(entry->path());
  }
  require(!error, "cannot read directory {}: {}", directory, error.message());
  return found;
}

// A record alone is of a start that failed.
bool holds_results(const std::string& directory, const NameTest& is_result) {
  const std::vector<fs::path> found = results_in(directory, is_result);
  return std::any_of(found.begin(), found.end(), [](const fs::path& path) { return path.filename() != record_name; });
}

void remove_file(const fs::path& path) {
  std::error_code error;
  fs::remove(path, error);
  require(!error, "cannot remove {}: {}", path.string(), error.message());
}

void make_directory(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  require(!error, "cannot make directory {}: {}", path, error.message());
}

}  // namespace

DirectoryLock::DirectoryLock(const std::string& path)
    : descriptor_(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  require(descriptor_ >= 0, "cannot open directory {}: {}", path, std::strerror(errno));
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return;
  ::close(descriptor_);
  fail("{}: in use by another process", path);
}

DirectoryLock::~DirectoryLock() { ::close(descriptor_); }

OutputDirectory::OutputDirectory(const Output& output, const std::vector<NamedValue>& context,
                                 const NameTest& is_result)
    : path_(output.directory) {
  if (!kept()) return;
  make_directory(path_);
  lock_.emplace(path_);
  const bool holding = holds_results(path_, is_result);
  require(!holding || output.existing != Existing::refuse,
          "{} holds results already: expected {}--force to overwrite them", path_,
          output.resumable ? "--resume to continue or " : "");
  if (output.existing == Existing::resume && holding) {
    require(has(record_name), "cannot resume {}: its {} is missing", path_, record_name);
    resume_run_record(file(record_name), context, output.command);
    return;
  }
  for (const fs::path& path : results_in(path_, is_result)) remove_file(path);
  // Of a process that was killed:
  for (const fs::path& path : results_in(path_, is_result, AtomicFile::temporary_suffix)) remove_file(path);
  write_run_record(file(record_name), context, output.command);
}

OutputDirectory::OutputDirectory(const Output& output, const std::vector<NamedValue>& context,
                                 const std::vector<std::string>& names)
    : OutputDirectory(output, context, [&names](std::string_view name) {
        return std::find(names.begin(), names.end(), name) != names.end();
      }) {}

bool OutputDirectory::has(const std::string& name) const {
  std::error_code ignored;
  return kept() && fs::exists(file(name), ignored);
}

void OutputDirectory::remove(const std::string& name) const {
  if (kept()) remove_file(file(name));
}

void OutputDirectory::write(const std::string& name, std::string_view text) const {
  if (kept()) write_file(file(name), text);
}

}  // namespace mpad
