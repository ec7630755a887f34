// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/data/idx.h>
#include <mpad/data/mnist.h>

#include <filesystem>

namespace mpad {
namespace {

namespace fs = std::filesystem;

std::string find_file(const fs::path& directory, const std::string& name) {
  std::error_code ignored;
  for (const fs::path& place : {directory, directory / "mnist"})
    for (const char* ending : {"", ".gz"}) {
      const fs::path path = place / (name + ending);
      if (fs::exists(path, ignored)) return path.string();
    }
  fail("mnist: expected {0} or {0}.gz in {1} or {2}, got neither", name, directory.string(),
       (directory / "mnist").string());
}

Dataset load_part(const fs::path& directory, const std::string& part) {
  const std::string images_path = find_file(directory, part + "-images-idx3-ubyte");
  const std::string labels_path = find_file(directory, part + "-labels-idx1-ubyte");
  const IdxFile labels = read_idx_labels(labels_path, 10), images = read_idx_images(images_path);
  const std::int64_t count = images.values.shape()[0];
  require(count == labels.values.numel(),
          "mnist: expected a label for each image, got {} images in {} and {} labels in {}", count, images_path,
          labels.values.numel(), labels_path);
  return {.name = "mnist",
          .pixels = images.values,
          .labels = labels.values,
          .classes = 10,
          .mean = {0.5},
          .deviation = {0.5},
          .checksum = images.checksum + "-" + labels.checksum};
}

}  // namespace

Split load_mnist(const std::string& directory) {
  std::error_code ignored;
  require(fs::is_directory(directory, ignored), "mnist: expected a directory, got '{}'", directory);
  Split split{load_part(directory, "train"), load_part(directory, "t10k")};
  const Shape &a = split.train.pixels.shape(), &b = split.test.pixels.shape();
  require(a[1] == 28 && a[2] == 28 && b[1] == 28 && b[2] == 28,
          "mnist: expected images of 28x28 pixels, got {}x{} to train and {}x{} to test", a[1], a[2], b[1], b[2]);
  return split;
}

}  // namespace mpad
