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

bool is_result(const fs::path& path) {
  const std::string name = path.filename().string();
  return name == record_name || name == results_name || (name.starts_with("run-") && name.ends_with(".safetensors"));
}

std::vector<fs::path> results_in(const std::string& directory) {
  std::vector<fs::path> found;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory))
    if (is_result(entry.path())) found.push_back(entry.path());
  return found;
}

void make_directory(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  require(!error && fs::is_directory(path), "cannot make directory {}: {}", path,
          error ? error.message() : "there is a file of that name");
}

}  // namespace

ResultDirectory::ResultDirectory(const Output& output, std::vector<NamedValue> context)
    : path_(output.directory), context_(std::move(context)) {
  if (path_.empty()) return;
  make_directory(path_);
  const std::vector<fs::path> found = results_in(path_);
  require(found.empty() || output.existing != Existing::refuse,
          "{} holds results already: expected --resume to continue or --force to overwrite them", path_);
  if (output.existing == Existing::resume && !found.empty()) {
    require(fs::exists(file(record_name)), "cannot resume {}: its {} is missing", path_, record_name);
    resume_run_record(file(record_name), context_, output.command);
    return;
  }
  for (const fs::path& path : found) fs::remove(path);
  write_run_record(file(record_name), context_, output.command);
}

void ResultDirectory::restore(Trainer& trainer, std::int64_t run) const {
  if (!path_.empty() && fs::exists(checkpoint(run))) load_checkpoint(checkpoint(run), trainer, context_);
}

void ResultDirectory::save(const Trainer& trainer, std::int64_t run) const {
  if (!path_.empty()) save_checkpoint(checkpoint(run), trainer, context_);
}

void ResultDirectory::write_results(std::span<const EpochResult> results, const Settings& settings) const {
  if (!path_.empty()) write_file(file(results_name), to_csv(results, settings));
}

}  // namespace mpad
