// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/data/find_file.h>
#include <mpad/data/idx.h>
#include <mpad/data/mnist.h>

namespace mpad {
namespace {

std::vector<std::string> idx_names(const std::string& name) { return {name, name + ".gz"}; }

std::string find_idx(const DataPlaces& places, const std::string& name) { return find_file(places, idx_names(name)); }

Dataset load_part(const DataPlaces& places, const std::string& part) {
  const std::string images_path = find_idx(places, part + "-images-idx3-ubyte");
  const std::string labels_path = find_idx(places, part + "-labels-idx1-ubyte");
  const IdxFile labels = read_idx_labels(labels_path, 10), images = read_idx_images(images_path);
  const std::int64_t count = images.values.shape()[0];
  require(count == labels.values.numel(),
          "{}: expected a label for each image, got {} images in {} and {} labels in {}", places.set, count,
          images_path, labels.values.numel(), labels_path);
  return {.name = places.set,
          .pixels = images.values,
          .labels = labels.values,
          .classes = 10,
          .mean = {0.5},
          .deviation = {0.5},
          .checksum = images.checksum + "-" + labels.checksum};
}

Split load(const std::string& set, const std::string& directory) {
  const DataPlaces places = data_places(set, directory, {set});
  Split split{load_part(places, "train"), load_part(places, "t10k")};
  const Shape &a = split.train.pixels.shape(), &b = split.test.pixels.shape();
  require(a[1] == 28 && a[2] == 28 && b[1] == 28 && b[2] == 28,
          "{}: expected images of 28x28 pixels, got {}x{} to train and {}x{} to test", set, a[1], a[2], b[1], b[2]);
  return split;
}

}  // namespace

bool has_mnist(const std::string& directory) {
  return has_file(directory, {"mnist"}, idx_names("train-images-idx3-ubyte"));
}

Split load_mnist(const std::string& directory) { return load("mnist", directory); }
Split load_fashion_mnist(const std::string& directory) { return load("fashion-mnist", directory); }
Split load_kmnist(const std::string& directory) { return load("kmnist", directory); }

}  // namespace mpad
