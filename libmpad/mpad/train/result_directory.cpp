// SPDX-License-Identifier: MIT
#include <mpad/train/checkpoint.h>
#include <mpad/train/result_directory.h>

namespace mpad {
namespace {

constexpr const char* results_name = "results.csv";

std::string checkpoint_name(std::int64_t run) { return "run-" + std::to_string(run) + ".safetensors"; }

// results.csv or run-K.safetensors.
bool is_result(std::string_view name) {
  if (name == results_name) return true;
  const std::string_view run = "run-", ending = ".safetensors";
  if (name.size() <= run.size() + ending.size() || !name.starts_with(run) || !name.ends_with(ending)) return false;
  name = name.substr(run.size(), name.size() - run.size() - ending.size());
  return name.find_first_not_of("0123456789") == std::string_view::npos;
}

// What a run yields does not depend on how many others there are.
std::vector<NamedValue> context_of_run(std::vector<NamedValue> context) {
  std::erase_if(context, [](const NamedValue& value) { return value.first == "runs"; });
  return context;
}

}  // namespace

ResultDirectory::ResultDirectory(const Output& output, const std::vector<NamedValue>& context)
    : directory_(output, context, is_result), context_(context_of_run(context)) {}

std::vector<EpochResult> ResultDirectory::saved_results(std::int64_t run) const {
  const std::string name = checkpoint_name(run);
  return directory_.has(name) ? mpad::saved_results(directory_.file(name)) : std::vector<EpochResult>();
}

void ResultDirectory::restore(Trainer& trainer, std::int64_t run) const {
  const std::string name = checkpoint_name(run);
  if (directory_.has(name)) load_checkpoint(directory_.file(name), trainer, context_);
}

void ResultDirectory::save(const Trainer& trainer, std::int64_t run) const {
  if (directory_.kept()) save_checkpoint(directory_.file(checkpoint_name(run)), trainer, context_);
}

void ResultDirectory::write_results(std::span<const EpochResult> results, const Settings& settings) const {
  directory_.write(results_name, to_csv(results, settings));
}

}  // namespace mpad
