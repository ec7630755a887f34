// SPDX-License-Identifier: MIT
#include "support.h"
#include "temporary.h"

#include <mpad/data/mnist.h>

#include <numeric>

using namespace mpad;
using test::Bytes;
using test::idx_bytes;
using test::TemporaryDirectory;

namespace {

// A set of two images to train and one to test, in the given subdirectory; `compress` chooses the format.
void write_small_set(const TemporaryDirectory& directory, const std::string& folder, bool compress) {
  const auto put = [&](const std::string& name, const Bytes& bytes) {
    directory.write(folder + name + (compress ? ".gz" : ""), compress ? test::gzip(bytes) : bytes);
  };
  put("train-images-idx3-ubyte", idx_bytes({2, 28, 28}, Bytes(2 * 784, 7)));
  put("train-labels-idx1-ubyte", idx_bytes({2}, {3, 4}));
  put("t10k-images-idx3-ubyte", idx_bytes({1, 28, 28}, Bytes(784, 8)));
  put("t10k-labels-idx1-ubyte", idx_bytes({1}, {5}));
}

std::string load_error(const std::string& directory) {
  try {
    load_mnist(directory);
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

std::int64_t sum(const Tensor& bytes) {
  const auto values = bytes.span<std::uint8_t>();
  return std::accumulate(values.begin(), values.end(), std::int64_t{0});
}

}  // namespace

TEST_CASE("the four files are found plain or compressed, in the directory or in mnist/") {
  for (const char* folder : {"", "mnist/"})
    for (const bool compress : {false, true}) {
      const TemporaryDirectory directory;
      write_small_set(directory, folder, compress);
      const Split split = load_mnist(directory.path());
      CHECK(split.train.pixels.shape() == Shape{2, 28, 28, 1});
      CHECK(split.train.labels.values() == std::vector<double>{3, 4});
      CHECK(split.test.labels.values() == std::vector<double>{5});
      CHECK(sum(split.train.pixels) == 2 * 784 * 7);
      CHECK(sum(split.test.pixels) == 784 * 8);
    }
}

TEST_CASE("sets in MNIST's format are told apart by their subdirectory") {
  const TemporaryDirectory directory;
  write_small_set(directory, "", false);
  write_small_set(directory, "fashion-mnist/", true);
  directory.write("fashion-mnist/t10k-labels-idx1-ubyte.gz", test::gzip(idx_bytes({1}, {7})));
  write_small_set(directory, "kmnist/", true);
  directory.write("kmnist/t10k-labels-idx1-ubyte.gz", test::gzip(idx_bytes({1}, {9})));
  CHECK(load_mnist(directory.path()).test.labels.values() == std::vector<double>{5});
  const Split fashion = load_fashion_mnist(directory.path()), characters = load_kmnist(directory.path());
  CHECK(fashion.test.labels.values() == std::vector<double>{7});
  CHECK(fashion.train.name == "fashion-mnist");
  CHECK(characters.test.labels.values() == std::vector<double>{9});
  CHECK(characters.test.name == "kmnist");
  CHECK_THROWS_WITH(load_kmnist("/nonexistent/data"), "kmnist: expected a directory, got '/nonexistent/data'");
}

TEST_CASE("a missing directory or file is an error that says where it was looked for") {
  CHECK(load_error("/nonexistent/data") == "mnist: expected a directory, got '/nonexistent/data'");
  const TemporaryDirectory directory;
  CHECK(load_error(directory.path()) ==
        fmt::format("mnist: expected train-images-idx3-ubyte or train-images-idx3-ubyte.gz in {0}/mnist or {0}, "
                    "got none",
                    directory.path()));
}

TEST_CASE("images and labels that differ in number are an error") {
  const TemporaryDirectory directory;
  write_small_set(directory, "", false);
  directory.write("train-labels-idx1-ubyte", idx_bytes({3}, {1, 2, 3}));
  CHECK(load_error(directory.path()) ==
        fmt::format("mnist: expected a label for each image, got 2 images in {0}/train-images-idx3-ubyte and 3 labels "
                    "in {0}/train-labels-idx1-ubyte",
                    directory.path()));
}

TEST_CASE("images of another size are an error") {
  const TemporaryDirectory directory;
  write_small_set(directory, "", false);
  directory.write("t10k-images-idx3-ubyte", idx_bytes({1, 28, 27}, Bytes(28 * 27)));
  CHECK(load_error(directory.path()) == "mnist: expected images of 28x28 pixels, got 28x28 to train and 28x27 to test");
}

TEST_CASE("MNIST itself is read as published") {
  const std::string root = test::real_data("mnist");
  if (root.empty()) return;
  const Split split = load_mnist(root);
  CHECK(split.train.pixels.shape() == Shape{60000, 28, 28, 1});
  CHECK(split.test.pixels.shape() == Shape{10000, 28, 28, 1});
  CHECK(split.train.first(5).labels.values() == std::vector<double>{5, 0, 4, 1, 9});
  CHECK(split.test.first(5).labels.values() == std::vector<double>{7, 2, 1, 0, 4});
  CHECK(sum(split.train.pixels) == 1567298545);
  CHECK(sum(split.test.pixels) == 264923200);
  CHECK(split.train.checksum == "e9f4d8b3-e0cb4ad2");
  CHECK(split.test.checksum == "91373bdf-4ab9eff9");
  CHECK_NOTHROW(split.train.validate());
  CHECK_NOTHROW(split.test.validate());
}
