// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/train/atomic_file.h>
#include <mpad/train/checkpoint.h>
#include <mpad/train/result_directory.h>
#include <mpad/train/run_record.h>

#include <filesystem>
#include <utility>

namespace mpad {
namespace {

namespace fs = std::filesystem;

constexpr const char* record_name = "run.json";
constexpr const char* results_name = "results.csv";

// run.json, results.csv or run-K.safetensors.
bool is_result(std::string_view name) {
  if (name == record_name || name == results_name) return true;
  const std::string_view run = "run-", ending = ".safetensors";
  if (name.size() <= run.size() + ending.size() || !name.starts_with(run) || !name.ends_with(ending)) return false;
  name = name.substr(run.size(), name.size() - run.size() - ending.size());
  return name.find_first_not_of("0123456789") == std::string_view::npos;
}

// The files of the directory whose names are those of results with `suffix` behind.
std::vector<fs::path> results_in(const std::string& directory, std::string_view suffix = "") {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename();
    if (name.ends_with(suffix) && is_result(std::string_view(name).substr(0, name.size() - suffix.size())))
      found.push_back(entry->path());
  }
  require(!error, "cannot read directory {}: {}", directory, error.message());
  return found;
}

void remove_results(const std::string& directory, std::string_view suffix = "") {
  for (const fs::path& path : results_in(directory, suffix)) {
    std::error_code error;
    fs::remove(path, error);
    require(!error, "cannot remove {}: {}", path.string(), error.message());
  }
}

bool exists(const std::string& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

void make_directory(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  require(!error, "cannot make directory {}: {}", path, error.message());
}

}  // namespace

ResultDirectory::ResultDirectory(const Output& output, std::vector<NamedValue> context)
    : path_(output.directory), context_(std::move(context)) {
  if (path_.empty()) return;
  make_directory(path_);
  const bool empty = results_in(path_).empty();
  require(empty || output.existing != Existing::refuse,
          "{} holds results already: expected --resume to continue or --force to overwrite them", path_);
  if (output.existing == Existing::resume && !empty) {
    require(exists(file(record_name)), "cannot resume {}: its {} is missing", path_, record_name);
    resume_run_record(file(record_name), context_, output.command);
    return;
  }
  remove_results(path_);
  remove_results(path_, AtomicFile::temporary_suffix);  // of a process that was killed
  write_run_record(file(record_name), context_, output.command);
}

void ResultDirectory::restore(Trainer& trainer, std::int64_t run) const {
  if (!path_.empty() && exists(checkpoint(run))) load_checkpoint(checkpoint(run), trainer, context_);
}

void ResultDirectory::save(const Trainer& trainer, std::int64_t run) const {
  if (!path_.empty()) save_checkpoint(checkpoint(run), trainer, context_);
}

void ResultDirectory::write_results(std::span<const EpochResult> results, const Settings& settings) const {
  if (!path_.empty()) write_file(file(results_name), to_csv(results, settings));
}

}  // namespace mpad
