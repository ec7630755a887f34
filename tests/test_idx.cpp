// SPDX-License-Identifier: MIT
#include "support.h"
#include "temporary.h"

#include <mpad/data/idx.h>

#include <zlib.h>

using namespace mpad;
using test::Bytes;
using test::error_of;
using test::idx_bytes;
using test::TemporaryDirectory;

namespace {

std::string images_error(const Bytes& bytes) {
  const TemporaryDirectory directory;
  const std::string path = directory.write("x", bytes);
  return error_of(directory, [&] { read_idx_images(path); });
}

std::string labels_error(const Bytes& bytes) {
  const TemporaryDirectory directory;
  const std::string path = directory.write("x", bytes);
  return error_of(directory, [&] { read_idx_labels(path, 10); });
}

const Bytes two_images = idx_bytes({2, 2, 3}, {0, 1, 2, 3, 4, 5, 250, 251, 252, 253, 254, 255});

// More than one chunk of the reader, and hard to compress.
Bytes large_images() {
  Bytes body(1500 * 28 * 28);
  for (std::size_t i = 0; i < body.size(); ++i) body[i] = static_cast<std::uint8_t>(Philox(5, i).word[0]);
  return idx_bytes({1500, 28, 28}, body);
}

}  // namespace

TEST_CASE("IDX images are read, plain and compressed, to the byte") {
  const TemporaryDirectory directory;
  for (const Bytes& bytes : {two_images, test::gzip(two_images)}) {
    const IdxFile file = read_idx_images(directory.write("x", bytes));
    CHECK(file.values.shape() == Shape{2, 2, 3, 1});
    CHECK(file.values.dtype() == DType::u8);
    CHECK(file.values.values() == std::vector<double>{0, 1, 2, 3, 4, 5, 250, 251, 252, 253, 254, 255});
    const auto crc = crc32(0, two_images.data(), static_cast<uInt>(two_images.size()));
    CHECK(file.checksum == fmt::format("{:08x}", crc));
  }
}

TEST_CASE("IDX files of several chunks are read to the byte") {
  const TemporaryDirectory directory;
  const Bytes bytes = large_images();
  for (const Bytes& stored : {bytes, test::gzip(bytes)}) {
    const IdxFile file = read_idx_images(directory.write("x", stored));
    REQUIRE(file.values.shape() == Shape{1500, 28, 28, 1});
    CHECK(std::memcmp(file.values.view().data, bytes.data() + 16, bytes.size() - 16) == 0);
  }
}

TEST_CASE("IDX labels are read as i32") {
  const TemporaryDirectory directory;
  const IdxFile file = read_idx_labels(directory.write("x", idx_bytes({4}, {9, 0, 3, 9})), 10);
  CHECK(file.values.shape() == Shape{4});
  CHECK(file.values.dtype() == DType::i32);
  CHECK(file.values.values() == std::vector<double>{9, 0, 3, 9});
}

TEST_CASE("a file that cannot be read is an error with the system's reason") {
  const TemporaryDirectory directory;
  CHECK(error_of(directory, [&] { read_idx_images(directory.path() + "/none"); }) ==
        "idx: none: expected a readable file, got: No such file or directory");
  std::filesystem::create_directory(directory.path() + "/folder");
  CHECK(error_of(directory, [&] { read_idx_images(directory.path() + "/folder"); }) ==
        "idx: folder: expected a readable file, got: Is a directory");
}

TEST_CASE("a header that is not that of an IDX file of the kind is an error") {
  CHECK(images_error({}) == "idx: x: expected a magic number in 4 bytes, got 0 bytes");
  CHECK(images_error({0, 0, 8}) == "idx: x: expected a magic number in 4 bytes, got 3 bytes");
  CHECK(images_error({0, 0, 8, 3, 0, 0, 0, 1, 0}) == "idx: x: expected an extent in 4 bytes, got 1 bytes");
  CHECK(images_error(idx_bytes({1}, {7})) == "idx: x: expected the magic number of images, 0x00000803, got 0x00000801");
  CHECK(labels_error(two_images) == "idx: x: expected the magic number of labels, 0x00000801, got 0x00000803");
  CHECK(labels_error({'h', 'e', 'l', 'l', 'o'}) ==
        "idx: x: expected the magic number of labels, 0x00000801, got 0x68656c6c");
}

TEST_CASE("extents of zero or beyond 2^31 - 1 are an error") {
  CHECK(images_error(idx_bytes({0, 28, 28}, {})) == "idx: x: expected extents from 1 to 2147483647, got 0 for axis 0");
  CHECK(images_error(idx_bytes({1, 28, 0}, {})) == "idx: x: expected extents from 1 to 2147483647, got 0 for axis 2");
  CHECK(images_error(idx_bytes({0x80000000u, 28, 28}, {1, 2})) ==
        "idx: x: expected extents from 1 to 2147483647, got 2147483648 for axis 0");
  CHECK(labels_error(idx_bytes({0xffffffffu}, {1, 2})) ==
        "idx: x: expected extents from 1 to 2147483647, got 4294967295 for axis 0");
}

TEST_CASE("a header that promises more than the file holds is an error that costs no memory") {
  CHECK(images_error(idx_bytes({3, 2, 2}, {1, 2, 3, 4, 5})) ==
        "idx: x: expected 3,2,2 bytes, as its header says, got 5");
  CHECK(images_error(idx_bytes({0x7fffffff, 28, 28}, {1, 2, 3})) ==
        "idx: x: expected 2147483647,28,28 bytes, as its header says, got 3");
  CHECK(images_error(idx_bytes({0x7fffffff, 0x7fffffff, 0x7fffffff}, {1, 2, 3})) ==
        "idx: x: expected 2147483647,2147483647,2147483647 bytes, as its header says, got 3");
  CHECK(images_error(test::gzip(idx_bytes({3, 2, 2}, {1, 2, 3, 4, 5}))) ==
        "idx: x: expected 3,2,2 bytes, as its header says, got 5");
}

TEST_CASE("bytes after the last image are an error") {
  Bytes bytes = two_images;
  bytes.push_back(0);
  CHECK(images_error(bytes) == "idx: x: expected 2,2,3 bytes, as its header says, got more");
  CHECK(images_error(test::gzip(bytes)) == "idx: x: expected 2,2,3 bytes, as its header says, got more");
}

TEST_CASE("a gzip file cut at any byte is an error") {
  const Bytes whole = test::gzip(two_images);
  for (std::size_t size = 0; size < whole.size(); ++size)
    CHECK_FALSE(images_error({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)}).empty());
  const Bytes no_trailer(whole.begin(), whole.end() - 1);
  CHECK(images_error(no_trailer) == "idx: x: expected an intact gzip file, got: unexpected end of file");
  Bytes half = test::gzip(large_images());
  half.resize(half.size() / 2);
  CHECK(images_error(half) == "idx: x: expected an intact gzip file, got: unexpected end of file");
}

TEST_CASE("a gzip file with a wrong checksum is an error") {
  Bytes bytes = test::gzip(two_images);
  bytes[bytes.size() - 8] ^= 1;
  CHECK(images_error(bytes) == "idx: x: expected an intact gzip file, got: incorrect data check");
}

TEST_CASE("a label outside the classes is an error") {
  CHECK(labels_error(idx_bytes({3}, {9, 10, 0})) == "idx: x: expected labels in 0..9, got 10");
  CHECK(labels_error(idx_bytes({3}, {9, 255, 0})) == "idx: x: expected labels in 0..9, got 255");
}
