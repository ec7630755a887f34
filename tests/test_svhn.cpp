// SPDX-License-Identifier: MIT
#include "mat_support.h"
#include "support.h"

#include <mpad/data/svhn.h>

#include <numeric>

using namespace mpad;
using namespace mpad::test;

namespace {

// Images 32x32x3xcount, column-major: a byte for each (row, column, channel, image).
std::uint8_t byte_at(std::int64_t y, std::int64_t x, std::int64_t c, std::int64_t n) {
  return static_cast<std::uint8_t>(7 * y + 3 * x + 101 * c + 13 * n);
}

MatParts images(std::int64_t count) {
  MatParts parts{.name = "X", .extents = {32, 32, 3, static_cast<std::uint32_t>(count)}, .data = {}};
  for (std::int64_t n = 0; n < count; ++n)
    for (std::int64_t c = 0; c < 3; ++c)
      for (std::int64_t x = 0; x < 32; ++x)
        for (std::int64_t y = 0; y < 32; ++y) parts.data.push_back(byte_at(y, x, c, n));
  return parts;
}

MatParts labels(const Bytes& values) {
  return {.name = "y", .extents = {static_cast<std::uint32_t>(values.size()), 1}, .data = values};
}

MatParts double_labels(const std::vector<double>& values) {
  return {.name = "y",
          .extents = {1, static_cast<std::uint32_t>(values.size())},
          .type = 9,
          .data = as_bytes(values),
          .array_class = 6};
}

std::string error_with(const MatParts& x, const MatParts& y) {
  const TemporaryDirectory directory;
  const std::string path = directory.write("x.mat", mat_file({mat_array(x), mat_array(y)}));
  return error_of(directory, [&] { read_svhn(path); });
}

}  // namespace

TEST_CASE("columns become rows, and label 10 the digit 0") {
  const TemporaryDirectory directory;
  for (const MatParts& y : {labels({10, 1, 9}), double_labels({10, 1, 9})}) {
    const Dataset dataset =
        read_svhn(directory.write("x.mat", mat_file({mat_compressed(mat_array(y)), mat_array(images(3))})));
    REQUIRE(dataset.pixels.shape() == Shape{3, 32, 32, 3});
    CHECK(dataset.labels.values() == std::vector<double>{0, 1, 9});
    const auto pixels = dataset.pixels.span<std::uint8_t>();
    std::size_t at = 0;
    bool same = true;
    for (std::int64_t n = 0; n < 3; ++n)
      for (std::int64_t h = 0; h < 32; ++h)
        for (std::int64_t w = 0; w < 32; ++w)
          for (std::int64_t c = 0; c < 3; ++c) same = same && pixels[at++] == byte_at(h, w, c, n);
    CHECK(same);
    CHECK_NOTHROW(dataset.validate());
  }
}

TEST_CASE("the two files are found in the directory or in svhn/") {
  for (const std::string folder : {"", "svhn/"}) {
    const TemporaryDirectory directory;
    CHECK_THROWS_WITH(load_svhn(directory.path()),
                      fmt::format("svhn: expected train_32x32.mat in {0}/svhn or {0}, got none", directory.path()));
    directory.write(folder + "train_32x32.mat", mat_file({mat_array(images(2)), mat_array(labels({3, 4}))}));
    CHECK_THROWS_WITH(load_svhn(directory.path()),
                      fmt::format("svhn: expected test_32x32.mat in {0}/svhn or {0}, got none", directory.path()));
    directory.write(folder + "test_32x32.mat", mat_file({mat_array(images(1)), mat_array(labels({5}))}));
    const Split split = load_svhn(directory.path());
    CHECK(split.train.labels.values() == std::vector<double>{3, 4});
    CHECK(split.test.labels.values() == std::vector<double>{5});
    CHECK(split.train.checksum != split.test.checksum);
  }
}

TEST_CASE("arrays that are no images with labels are errors") {
  CHECK(error_with(images(2), labels({1, 2})).empty());
  CHECK(error_with({.name = "X", .extents = {2, 1}, .data = {1, 2}}, labels({1, 2})) ==
        "svhn: x.mat: expected X of 32x32x3xN bytes, got 2x1 of u8");
  CHECK(error_with(images(2), labels({1, 2, 3})) ==
        "svhn: x.mat: expected y with a label for each of 2 images, got 3x1");
  CHECK(error_with(images(4), {.name = "y", .extents = {2, 2}, .data = {1, 2, 3, 4}}) ==
        "svhn: x.mat: expected y with a label for each of 4 images, got 2x2");
  CHECK(error_with(images(2), labels({1, 11})) == "svhn: x.mat: expected labels in 1..10, got 11");
  CHECK(error_with(images(2), labels({0, 1})) == "svhn: x.mat: expected labels in 1..10, got 0");
  CHECK(error_with(images(2), double_labels({2.5, 1})) == "svhn: x.mat: expected labels in 1..10, got 2.5");
  CHECK(error_with(images(2), double_labels({NAN, 1})) == "svhn: x.mat: expected labels in 1..10, got nan");
}

TEST_CASE("SVHN itself is read as published, as far as it is there") {
  const std::string root = real_data("svhn");
  if (root.empty()) return;
  const Dataset dataset = read_svhn(root + "/svhn/train_first1083_32x32.mat");
  CHECK(dataset.pixels.shape() == Shape{1083, 32, 32, 3});
  CHECK(dataset.labels.slice(0, {5}).values() == std::vector<double>{1, 9, 2, 3, 2});
  const auto pixels = dataset.pixels.span<std::uint8_t>();
  CHECK(std::accumulate(pixels.begin(), pixels.end(), std::int64_t{0}) == 393231963);
  CHECK(std::count(dataset.labels.span<std::int32_t>().begin(), dataset.labels.span<std::int32_t>().end(), 0) == 66);
  CHECK(std::vector<int>(pixels.begin() + 96, pixels.begin() + 102) == std::vector<int>{28, 39, 35, 14, 25, 22});
}
