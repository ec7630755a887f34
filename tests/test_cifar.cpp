// SPDX-License-Identifier: MIT
#include "support.h"
#include "temporary.h"

#include <mpad/data/cifar.h>

#include <numeric>

using namespace mpad;
using test::Bytes;
using test::error_of;
using test::TemporaryDirectory;

namespace {

// A record whose byte of channel c, row y, column x is (64 c + 32 y + x + add) mod 256, behind the labels given.
void append_record(Bytes& bytes, const Bytes& labels, int add) {
  bytes.insert(bytes.end(), labels.begin(), labels.end());
  for (int c = 0; c < 3; ++c)
    for (int at = 0; at < 1024; ++at) bytes.push_back(static_cast<std::uint8_t>(64 * c + at + add));
}

Bytes records(const std::vector<Bytes>& labels, int add = 0) {
  Bytes bytes;
  for (const Bytes& label : labels) append_record(bytes, label, add++);
  return bytes;
}

bool holds_records(const Dataset& dataset, int add = 0) {
  const auto pixels = dataset.pixels.span<std::uint8_t>();
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    const int image = static_cast<int>(i / 3072), at = static_cast<int>(i % 3072 / 3), c = static_cast<int>(i % 3);
    if (pixels[i] != static_cast<std::uint8_t>(64 * c + at + image + add)) return false;
  }
  return true;
}

std::string read_error(const Bytes& bytes) {
  const TemporaryDirectory directory;
  const std::string path = directory.write("x.bin", bytes);
  return error_of(directory, [&] { read_cifar10({path}); });
}

std::int64_t sum(const Tensor& bytes) {
  const auto values = bytes.span<std::uint8_t>();
  return std::accumulate(values.begin(), values.end(), std::int64_t{0});
}

}  // namespace

TEST_CASE("planes become pixels, and the file's size says how many there are") {
  const TemporaryDirectory directory;
  const Dataset dataset = read_cifar10({directory.write("x", records({{3}, {9}, {0}}))});
  CHECK(dataset.pixels.shape() == Shape{3, 32, 32, 3});
  CHECK(dataset.labels.values() == std::vector<double>{3, 9, 0});
  CHECK(holds_records(dataset));
  CHECK(dataset.name == "cifar10");
  CHECK_NOTHROW(dataset.validate());
}

TEST_CASE("files are put together in the order given, whatever the number of threads") {
  const TemporaryDirectory directory;
  const std::vector<Bytes> many(150, Bytes{4});
  const std::string a = directory.write("a", records({{1}, {2}})), b = directory.write("b", records(many, 2));
  std::string checksum;
  test::with_threads([&] {
    const Dataset dataset = read_cifar10({a, b});
    CHECK(dataset.size() == 152);
    CHECK(holds_records(dataset));
    if (!checksum.empty()) CHECK(dataset.checksum == checksum);
    checksum = dataset.checksum;
  });
  CHECK(read_cifar10({b, a}).labels.values().front() == 4);
  CHECK(read_cifar10({b, a}).checksum != checksum);
}

TEST_CASE("CIFAR-100 has two labels, of which either can be learned") {
  const TemporaryDirectory directory;
  directory.write("cifar-100-binary/train.bin", records({{19, 99}, {0, 5}}));
  directory.write("cifar-100-binary/test.bin", records({{7, 42}}));
  const Split fine = load_cifar100(directory.path()), coarse = load_cifar100(directory.path(), CifarLabels::coarse);
  CHECK(fine.train.labels.values() == std::vector<double>{99, 5});
  CHECK(fine.test.labels.values() == std::vector<double>{42});
  CHECK(fine.train.classes == 100);
  CHECK(coarse.train.labels.values() == std::vector<double>{19, 0});
  CHECK(coarse.test.classes == 20);
  CHECK(holds_records(fine.train));
  CHECK_NOTHROW(fine.train.validate());
}

TEST_CASE("any of the five training files will do, in the directory or below it") {
  for (const std::string folder : {"", "cifar10/", "cifar-10-batches-bin/"}) {
    const TemporaryDirectory directory;
    directory.write(folder + "data_batch_5.bin", records({{5}}, 1));
    directory.write(folder + "data_batch_2.bin", records({{2}}));
    directory.write(folder + "test_batch.bin", records({{8}, {1}}));
    const Split split = load_cifar10(directory.path());
    CHECK(split.train.labels.values() == std::vector<double>{2, 5});
    CHECK(split.test.labels.values() == std::vector<double>{8, 1});
    CHECK(holds_records(split.train));
    CHECK(split.train.augment == Augment{.crop_pad = 4, .flip = true});
    CHECK(split.test.augment == Augment());
  }
}

TEST_CASE("missing directories and files are errors that say where they were looked for") {
  const TemporaryDirectory directory;
  CHECK(error_of(directory, [] { load_cifar10("/nonexistent/data"); }) ==
        "cifar10: expected a directory, got '/nonexistent/data'");
  const auto error = [&] {
    try {
      load_cifar10(directory.path());
    } catch (const Error& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  const std::string places =
      fmt::format("in {0}/cifar10 or {0}/cifar-10-batches-bin or {0}, got none", directory.path());
  CHECK(error() ==
        "cifar10: expected data_batch_1.bin or data_batch_2.bin or data_batch_3.bin or data_batch_4.bin or "
        "data_batch_5.bin " +
            places);
  directory.write("data_batch_1.bin", records({{1}}));
  CHECK(error() == "cifar10: expected test_batch.bin " + places);
}

TEST_CASE("a damaged CIFAR file is an error that names it") {
  CHECK(read_error({}) == "cifar10: x.bin: expected one or more records of 3073 bytes, got 0 bytes");
  CHECK(read_error(Bytes(3072)) == "cifar10: x.bin: expected one or more records of 3073 bytes, got 3072 bytes");
  CHECK(read_error(Bytes(2 * 3073 + 1)) ==
        "cifar10: x.bin: expected one or more records of 3073 bytes, got 6147 bytes");
  CHECK(read_error(records({{9}, {10}})) == "cifar10: x.bin: expected labels in 0..9, got 10 in record 1");
  const TemporaryDirectory directory;
  CHECK(error_of(directory, [&] { read_cifar10({directory.path() + "/none"}); }) ==
        "cifar10: none: expected a readable file, got: No such file or directory");
  CHECK_THROWS_WITH(read_cifar10({}), "cifar10: expected one file or more, got none");
  const std::string path = directory.write("x", records({{20, 0}}));
  CHECK_NOTHROW(read_cifar100({path}));
  CHECK(error_of(directory, [&] { read_cifar100({path}, CifarLabels::coarse); }) ==
        "cifar100: x: expected labels in 0..19, got 20 in record 0");
}

TEST_CASE("CIFAR-10 itself is read as published, as far as it is there") {
  const std::string root = test::real_data("cifar10/exact");
  if (root.empty()) return;
  const Split split = load_cifar10(root + "/cifar10/exact");
  CHECK(split.train.size() == 2000);
  CHECK(split.test.size() == 1017);
  CHECK(split.train.first(5).labels.values() == std::vector<double>{6, 9, 9, 4, 1});
  CHECK(split.test.first(5).labels.values() == std::vector<double>{3, 8, 8, 0, 6});
  CHECK(split.train.first(1).pixels.values()[0] == 59);  // red, green, blue of the first image's first pixel
  CHECK(split.train.first(1).pixels.values()[1] == 62);
  CHECK(split.train.first(1).pixels.values()[2] == 63);
  CHECK(sum(split.train.pixels) == 742506465);
  CHECK_NOTHROW(split.train.validate());
  CHECK_NOTHROW(split.test.validate());
}
