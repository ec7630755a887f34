// SPDX-License-Identifier: MIT
#include "colour_sources.h"

#include <mpad/data/cifar.h>
#include <mpad/data/image_folder.h>
#include <mpad/data/svhn.h>
#include <mpad/data/synthetic.h>

#include <filesystem>

namespace mpad {
namespace {

Split folder(const std::string& directory, std::int64_t size) { return load_image_folder(directory, {.size = size}); }

// From `directory` or its subdirectory imagenet.
Split imagenet(const std::string& directory, std::int64_t size) {
  const std::filesystem::path below = std::filesystem::path(directory) / "imagenet";
  std::error_code ignored;
  Split data = folder(std::filesystem::is_directory(below, ignored) ? below.string() : directory, size);
  data.train.name = data.test.name = "imagenet";
  return data;
}

}  // namespace

std::vector<DataSource> colour_sources() {
  return {{.name = "cifar10", .load = load_cifar10, .is_in = has_cifar10},
          {.name = "cifar100", .load = [](const std::string& directory) { return load_cifar100(directory); }},
          {.name = "svhn", .load = load_svhn},
          {.name = "imagenet", .load_sized = imagenet},
          {.name = "image-folder", .load_sized = folder},
          {.name = "synthetic", .on_disk = false, .load = [](const std::string&) {
             return synthetic_colours(5'000, 1'000, 0);
           }}};
}

}  // namespace mpad
