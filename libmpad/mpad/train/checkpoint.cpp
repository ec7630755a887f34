// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/core/read_number.h>
#include <mpad/data/checksum.h>
#include <mpad/train/checkpoint.h>
#include <mpad/train/naming.h>

#include <algorithm>
#include <map>

namespace mpad {
namespace {

const std::string context_prefix = "context.";

constexpr const char* checksum_name = "tensors-crc32";

// Every tensor of the trainer, by the name it has in the file.
std::vector<NamedTensor> tensors_of(const Trainer& trainer) {
  std::vector<NamedTensor> tensors = state(trainer.model());
  for (const auto& [name, tensor] : trainer.optimizer().state()) tensors.push_back({"optimizer." + name, tensor});
  return tensors;
}

// Of the bytes of tensors in this order, wherever they are.
std::string checksum_of(const std::vector<NamedTensor>& tensors) {
  Crc32 crc;
  for (const NamedTensor& named : tensors) {
    const Tensor here = named.tensor.to(Device::cpu);
    crc.update(here.view().data, here.bytes());
  }
  return crc.hex();
}

const std::string& metadata_at(const TensorFile& file, const char* name, const std::string& path) {
  const auto found = file.metadata.find(name);
  require(found != file.metadata.end(), "{}: expected a checkpoint with '{}' in its metadata", path, name);
  return found->second;
}

std::vector<NamedValue> context_of(const TensorFile& file) {
  std::vector<NamedValue> context;
  for (const auto& [name, value] : file.metadata)
    if (name.starts_with(context_prefix)) context.emplace_back(name.substr(context_prefix.size()), value);
  return context;
}

// The file's tensors in the order of `to`, whose names, dtypes and shapes they have.
std::vector<NamedTensor> matching(const TensorFile& file, const std::vector<NamedTensor>& to, const std::string& path) {
  std::map<std::string, Tensor> saved;
  std::vector<NamedTensor> ordered;
  for (const auto& [name, tensor] : file.tensors) saved[name] = tensor;
  require(saved.size() == to.size(), "{}: expected {} tensors, got {}", path, to.size(), saved.size());
  for (const auto& [name, tensor] : to) {
    const auto found = saved.find(name);
    require(found != saved.end(), "{}: expected a tensor '{}', got none", path, name);
    require(found->second.dtype() == tensor.dtype() && found->second.shape() == tensor.shape(),
            "{}: tensor '{}': expected {} {}, got {} {}", path, name, tensor.dtype(), tensor.shape(),
            found->second.dtype(), found->second.shape());
    ordered.push_back({name, found->second});
  }
  return ordered;
}

template <class Number>
Number parse(const TensorFile& file, const char* name, const std::string& path) {
  const std::string& text = metadata_at(file, name, path);
  const auto number = read_number<Number>(text);
  require(number && *number >= 0, "{}: expected a number of 0 or more for '{}', got '{}'", path, name, text);
  return *number;
}

LossScaler scaler_of(const TensorFile& file, const Trainer& trainer, const std::string& path) {
  if (!trainer.settings().mixed) return {};
  return {{parse<double>(file, "loss-scale", path), parse<std::int64_t>(file, "good-steps", path)}};
}

}  // namespace

void save_checkpoint(const std::string& path, const Trainer& trainer, std::span<const NamedValue> context) {
  TensorFile file{.tensors = tensors_of(trainer)};
  file.metadata[checksum_name] = checksum_of(file.tensors);
  file.metadata["steps"] = std::to_string(trainer.optimizer().steps());
  if (trainer.settings().mixed) {
    file.metadata["loss-scale"] = fmt::format("{}", trainer.scaler().scale);
    file.metadata["good-steps"] = std::to_string(trainer.scaler().good_steps);
  }
  file.metadata["results"] = to_csv(trainer.results(), trainer.settings());
  for (const auto& [name, value] : context) file.metadata[context_prefix + name] = value;
  write_safetensors(path, file);
}

void load_checkpoint(const std::string& path, Trainer& trainer, std::span<const NamedValue> context) {
  const TensorFile file = read_safetensors(path);
  require_same(context_of(file), context, path);
  const auto steps = parse<std::int64_t>(file, "steps", path);
  const LossScaler scaler = scaler_of(file, trainer, path);
  std::vector<EpochResult> results = parse_csv(metadata_at(file, "results", path), path);
  const std::vector<NamedTensor> tensors = tensors_of(trainer);
  const std::vector<NamedTensor> saved = matching(file, tensors, path);
  const std::string checksum = checksum_of(saved), &expected = metadata_at(file, checksum_name, path);
  require(checksum == expected, "{}: damaged: expected tensors whose CRC-32 is {}, got {}", path, expected, checksum);
  naming(path, [&] { trainer.resume(std::move(results), steps, scaler); });
  for (std::size_t i = 0; i < tensors.size(); ++i) tensors[i].tensor.copy_from(saved[i].tensor);
}

std::vector<EpochResult> saved_results(const std::string& path) {
  const TensorFile file = read_safetensors(path, [](const std::string&) { return false; });
  return parse_csv(metadata_at(file, "results", path), path);
}

void require_same(std::span<const NamedValue> saved, std::span<const NamedValue> now, const std::string& source) {
  const std::map<std::string, std::string> before(saved.begin(), saved.end()), current(now.begin(), now.end());
  const auto value_in = [](const auto& map, const std::string& name) {
    const auto found = map.find(name);
    return found == map.end() ? std::string("nothing") : found->second;
  };
  for (const auto& values : {before, current})
    for (const auto& [name, value] : values)
      require(value_in(before, name) == value_in(current, name), "{}: expected {} {} as before, got {}", source, name,
              value_in(before, name), value_in(current, name));
}

}  // namespace mpad
