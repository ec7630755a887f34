// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/data/checksum.h>
#include <mpad/study/unfinished_run.h>
#include <mpad/train/checkpoint.h>

#include <utility>

namespace mpad {
namespace {

constexpr std::string_view prefix = "unfinished-", suffix = ".safetensors";

}  // namespace

UnfinishedRun::UnfinishedRun(const OutputDirectory& directory, const Settings& settings,
                             std::vector<NamedValue> context)
    : directory_(&directory), context_(named_values(settings)) {
  context_.insert(context_.end(), context.begin(), context.end());
  Crc32 crc;
  for (const auto& [name, value] : context_) crc.update((name + value).data(), name.size() + value.size());
  name_ = fmt::format("{}{}{}", prefix, crc.hex(), suffix);
}

void UnfinishedRun::restore(Trainer& trainer) const {
  if (directory_->has(name_)) load_checkpoint(directory_->file(name_), trainer, context_);
}

void UnfinishedRun::save(const Trainer& trainer) const {
  if (directory_->kept()) save_checkpoint(directory_->file(name_), trainer, context_);
}

bool is_unfinished_run(std::string_view name) { return name.starts_with(prefix) && name.ends_with(suffix); }

}  // namespace mpad
