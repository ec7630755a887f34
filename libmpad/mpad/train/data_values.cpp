// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/train/data_values.h>

#include <fmt/ranges.h>

namespace mpad {
namespace {

std::string describe(const Augment& augment) {
  std::vector<std::string> parts;
  if (augment.crop_pad > 0) parts.push_back(fmt::format("crop {}", augment.crop_pad));
  if (augment.resized_crop) parts.push_back("resized crop");
  if (augment.flip) parts.push_back("flip");
  return parts.empty() ? "none" : fmt::format("{}", fmt::join(parts, ", "));
}

}  // namespace

std::vector<NamedValue> named_values(const Split& data) {
  const Shape s = data.train.shape();
  std::vector<NamedValue> values{{"dataset", data.train.name},
                                 {"augment", describe(data.train.augment)},
                                 {"image-shape", fmt::format("{}x{}x{}", s[1], s[2], s[3])}};
  for (const auto& [part, dataset] : {std::pair("train", &data.train), std::pair("test", &data.test)}) {
    values.emplace_back(fmt::format("{}-images", part), std::to_string(dataset->size()));
    values.emplace_back(fmt::format("{}-checksum", part), "crc32:" + dataset->checksum);
  }
  return values;
}

}  // namespace mpad
