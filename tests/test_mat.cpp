// SPDX-License-Identifier: MIT
#include "mat_support.h"
#include "support.h"

#include <mpad/data/mat.h>

using namespace mpad;
using namespace mpad::test;

namespace {

const Bytes six{1, 2, 3, 250, 251, 252};
const MatParts bytes_2x3{.name = "a", .extents = {2, 3}, .data = six};
const MatParts doubles_1x2{
    .name = "longer_name", .extents = {1, 2}, .type = 9, .data = as_bytes<double>({-0.5, 1e300}), .array_class = 6};

std::string error_with(const Bytes& file, const std::string& name = "a") {
  const TemporaryDirectory directory;
  const std::string path = directory.write("x.mat", file);
  return error_of(directory, [&] { read_mat_array(path, name); });
}

std::string array_error(const MatParts& parts) { return error_with(mat_file({mat_array(parts)}), parts.name); }

}  // namespace

TEST_CASE("arrays of bytes and doubles are read by name, plain and compressed") {
  const TemporaryDirectory directory;
  for (const bool compressed : {false, true}) {
    const auto element = [&](const MatParts& parts) {
      return compressed ? mat_compressed(mat_array(parts)) : mat_array(parts);
    };
    const Bytes text = mat_array({.name = "text", .data = {'h', 'i'}, .array_class = 4});
    const std::string path =
        directory.write("x.mat", mat_file({text, element(doubles_1x2), element(bytes_2x3), element(bytes_2x3)}));
    const MatArray bytes = read_mat_array(path, "a"), doubles = read_mat_array(path, "longer_name");
    CHECK(bytes.extents == std::vector<std::int64_t>{2, 3});
    CHECK(bytes.values.dtype() == DType::u8);
    CHECK(bytes.values.values() == std::vector<double>{1, 2, 3, 250, 251, 252});
    CHECK(doubles.extents == std::vector<std::int64_t>{1, 2});
    CHECK(doubles.values.dtype() == DType::f64);
    CHECK(doubles.values.values() == std::vector<double>{-0.5, 1e300});
    CHECK(error_of(directory, [&] { read_mat_array(path, "text"); }) ==
          "mat: x.mat: expected an array of numbers named 'text', got none");
  }
}

TEST_CASE("compressed arrays of more than one buffer are read to the byte") {
  const TemporaryDirectory directory;
  Bytes data(300 * 1000);
  for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<std::uint8_t>(Philox(5, i).word[0]);
  for (const Bytes& content : {data, Bytes(data.size(), 7)}) {  // hard and easy to compress
    const Bytes array = mat_array({.name = "a", .extents = {300, 10, 100}, .data = content});
    const Tensor values = read_mat_array(directory.write("x.mat", mat_file({mat_compressed(array)})), "a").values;
    CHECK(std::memcmp(values.view().data, content.data(), content.size()) == 0);
  }
}

TEST_CASE("small data may lie in its tag") {
  const TemporaryDirectory directory;
  Bytes array = mat_array({.name = "a", .extents = {3, 1}, .data = {}});
  array.resize(array.size() - 8);
  for (const int byte : {2, 0, 3, 0, 7, 8, 9, 0}) array.push_back(static_cast<std::uint8_t>(byte));
  CHECK(read_mat_array(directory.write("x.mat", mat_file({array})), "a").values.values() ==
        std::vector<double>{7, 8, 9});
}

TEST_CASE("files of other kinds are errors that say so") {
  CHECK(error_with({}) == "mat: x.mat: expected a MAT-file of level 5, got another file");
  CHECK(error_with(Bytes(200, 'M')) == "mat: x.mat: expected a MAT-file of level 5, got another file");
  CHECK(error_with(mat_file({}, "MI")) == "mat: x.mat: expected a little-endian file, got a big-endian one");
  CHECK(error_with(mat_file({}, "IM", 2)) ==
        "mat: x.mat: expected a MAT-file of version 0x0100, got 0x0200 (level 7.3: save it with -v7)");
  CHECK(error_with(mat_file({}, "??")) == "mat: x.mat: expected a MAT-file of version 0x0100, got 0x0100");
  CHECK(error_with(mat_file({})) == "mat: x.mat: expected an array of numbers named 'a', got none");
  const TemporaryDirectory directory;
  CHECK(error_of(directory, [&] { read_mat_array(directory.path() + "/none", "a"); }) ==
        "mat: none: expected a readable file, got: No such file or directory");
}

TEST_CASE("arrays that are not what their header says are errors") {
  MatParts parts = bytes_2x3;
  parts.extents = {2, 4};
  CHECK(array_error(parts) == "mat: x.mat: expected 2x4 numbers of 1 bytes, got 6 bytes");
  parts.extents = {0xffffffffu, 3};
  CHECK(array_error(parts) == "mat: x.mat: expected -1x3 numbers of 1 bytes, got 6 bytes");
  parts.extents = {0x7fffffff, 0x7fffffff, 0x7fffffff};
  CHECK(array_error(parts).starts_with("mat: x.mat: expected 2147483647x2147483647x2147483647 numbers"));
  parts.extents = {6};
  CHECK(array_error(parts) == "mat: x.mat: expected two extents or more of 4 bytes, got 4 bytes");
  parts.extents = {};
  CHECK(array_error(parts) == "mat: x.mat: expected two extents or more of 4 bytes, got 0 bytes");
  CHECK(array_error({.name = "a", .extents = {0, 1}, .data = {}}) ==
        "mat: x.mat: expected 0x1 numbers of 1 bytes, got 0 bytes");
  CHECK(array_error({.name = "a", .type = 9, .data = {1, 2, 3}}) ==
        "mat: x.mat: expected 1x1 numbers of 8 bytes, got 3 bytes");
  CHECK(array_error({.name = "a", .type = 7}) == "mat: x.mat: expected bytes or doubles (type 2 or 9), got type 7");
  CHECK(array_error({.name = "a", .array_class = 0x809}) ==
        "mat: x.mat: expected real numbers in 'a', got complex ones");
  CHECK(array_error({.name = std::string(256, 'n')}) ==
        "mat: x.mat: expected a name of type 1 in at most 255 bytes, got type 1 and 256 bytes");
  CHECK(error_with(mat_file({mat_element(13, Bytes(8))})) ==
        "mat: x.mat: expected an array, got an element of type 13");
  CHECK(error_with(mat_file({mat_compressed(mat_element(13, Bytes(8)))})) ==
        "mat: x.mat: expected an array, got an element of type 13");
}

TEST_CASE("a header that promises more than the file holds is an error that costs no memory") {
  Bytes array = mat_array({.name = "a", .extents = {0x7fffffff, 1}, .data = six});
  const std::size_t size_at = array.size() - 12;
  const std::uint32_t promised = 0x7fffffff;
  std::memcpy(&array[size_at], &promised, sizeof promised);
  const std::string error = "mat: x.mat: expected 2147483647 bytes in an array, got an element too short for them";
  CHECK(error_with(mat_file({array})) == error);
  CHECK(error_with(mat_file({mat_compressed(array)})) == error);
}

TEST_CASE("a MAT-file cut at any byte, or longer than its array, is an error") {
  for (const Bytes& element : {mat_array(bytes_2x3), mat_compressed(mat_array(bytes_2x3))}) {
    const Bytes whole = mat_file({element});
    for (std::size_t size = 0; size < whole.size(); ++size)
      CHECK_FALSE(error_with({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)}).empty());
  }
  Bytes longer = mat_array(bytes_2x3);
  longer.resize(longer.size() + 8);
  longer[4] = static_cast<std::uint8_t>(longer[4] + 8);
  CHECK(error_with(mat_file({longer})) == "mat: x.mat: expected the end of an element, got more");
  CHECK(error_with(mat_file({mat_compressed(longer)})) == "mat: x.mat: expected the end of an element, got more");
}

TEST_CASE("a compressed array with a wrong checksum is an error") {
  Bytes file = mat_file({mat_compressed(mat_array(bytes_2x3))});
  file.back() ^= 1;
  CHECK(error_with(file) == "mat: x.mat: expected an intact compressed element, got: incorrect data check");
}
