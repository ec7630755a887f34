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

std::vector<std::string> names_in(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error))
    names.push_back(entry->path().filename());
  require(!error, "cannot read directory {}: {}", directory, error.message());
  return names;
}

// A record alone is of a start that failed; beside other files it is that of results, though they may be of another
// program. What a process that was killed has left half-written is none.
bool holds_results(const std::string& directory, const NameTest& is_result) {
  bool record = false, others = false;
  for (const std::string& name : names_in(directory)) {
    if (is_result(name)) return true;
    if (name == record_name)
      record = true;
    else if (!name.ends_with(AtomicFile::temporary_suffix))
      others = true;
  }
  return record && others;
}

void remove_file(const fs::path& path) {
  std::error_code error;
  fs::remove(path, error);
  require(!error, "cannot remove {}: {}", path.string(), error.message());
}

// The record, and what has the name of a result, complete or half-written.
void remove_results(const std::string& directory, const NameTest& is_result) {
  constexpr std::string_view suffix = AtomicFile::temporary_suffix;
  for (const std::string& name : names_in(directory)) {
    std::string_view whole = name;
    if (whole.ends_with(suffix)) whole.remove_suffix(suffix.size());
    if (whole == record_name || is_result(whole)) remove_file(fs::path(directory) / name);
  }
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
  remove_results(path_, is_result);
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
