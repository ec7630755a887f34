// SPDX-License-Identifier: MIT
#include "support.h"
#include "temporary.h"

#include <mpad/train/safetensors.h>

#include <numeric>

using namespace mpad;
using test::Bytes;
using test::TemporaryDirectory;

namespace {

constexpr DType all_dtypes[] = {DType::f16, DType::f32, DType::f64, DType::u8,
                                DType::u16, DType::u32, DType::u64, DType::i32};

// A tensor whose bytes count up, so that every element type and place can be told apart.
Tensor counting(const Shape& shape, DType dtype) {
  const Tensor tensor(shape, dtype);
  auto* bytes = static_cast<std::uint8_t*>(tensor.view().data);
  std::iota(bytes, bytes + tensor.bytes(), std::uint8_t{1});
  return tensor;
}

// A file of this header, padded or not as it is, and this many bytes of data.
Bytes file_of(std::string_view header, std::size_t data_bytes) {
  Bytes bytes;
  for (int shift = 0; shift < 64; shift += 8) bytes.push_back(static_cast<std::uint8_t>(header.size() >> shift));
  bytes.insert(bytes.end(), header.begin(), header.end());
  bytes.resize(bytes.size() + data_bytes, 7);
  return bytes;
}

std::string error_of(const Bytes& bytes) {
  const TemporaryDirectory directory;
  const std::string path = directory.write("x", bytes);
  return test::error_of(directory, [&] { read_safetensors(path); });
}

std::string header_error(std::string_view header, std::size_t data_bytes = 0) {
  return error_of(file_of(header, data_bytes));
}

std::string entry(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return R"({"dtype":)" + dtype + R"(,"shape":)" + shape + R"(,"data_offsets":)" + offsets + "}";
}

// The message about a file with one tensor a of this dtype, shape and place.
std::string entry_error(const std::string& dtype, const std::string& shape, const std::string& offsets,
                        std::size_t data_bytes) {
  return header_error(R"({"a":)" + entry(dtype, shape, offsets) + "}", data_bytes);
}

std::string nested(std::size_t levels, char open, char close) {
  return std::string(levels, open) + std::string(levels, close);
}

}  // namespace

TEST_CASE("tensors of every dtype and rank and the strings beside them read back the same") {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/x";
  TensorFile file{.metadata = {{"empty", ""}, {"text", "a \"quoted\"\n\tline, \xc3\xa9 and \\"}}};
  for (const DType dtype : all_dtypes)
    for (const Shape& shape : {Shape{}, Shape{7}, Shape{3, 5}, Shape{2, 1, 3}, Shape{2, 3, 1, 5}})
      file.tensors.push_back({fmt::format("{}.{}", dtype, shape.rank()), counting(shape, dtype)});
  write_safetensors(path, file);
  const TensorFile read = read_safetensors(path);
  CHECK(read.metadata == file.metadata);
  REQUIRE(read.tensors.size() == file.tensors.size());
  for (std::size_t i = 0; i < read.tensors.size(); ++i) {
    CHECK(read.tensors[i].path == file.tensors[i].path);
    CHECK(test::same_bits(read.tensors[i].tensor, file.tensors[i].tensor));
  }
}

TEST_CASE("tensors without elements read back, alone and among others") {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/x";
  for (const Shape& shape : {Shape{0}, Shape{0, 3}, Shape{3, 0}, Shape{1000, 1000, 0}, Shape{2, 0, 5, 7}})
    for (const std::int64_t others : {0, 1, 2}) {
      TensorFile file;
      for (std::int64_t i = 0; i < others; ++i)
        file.tensors.push_back({fmt::format("a{}", i), counting({i}, DType::f32)});
      file.tensors.push_back({"none", Tensor(shape, DType::f64)});
      write_safetensors(path, file);
      const TensorFile read = read_safetensors(path);
      REQUIRE(read.tensors.size() == file.tensors.size());
      for (const auto& [name, tensor] : read.tensors)
        CHECK(tensor.shape() == (name == "none" ? shape : Shape{name == "a0" ? 0 : 1}));
    }
}

TEST_CASE("a tensor that is not wanted may have any dtype and rank, but has its place") {
  const std::string a = R"({"a":)" + entry("\"I64\"", "[1,1,1,1,1]", "[0,8]"), b = entry("\"U8\"", "[2]", "[8,10]");
  const auto unless_a = [](const std::string& name) { return name != "a"; };
  const TemporaryDirectory directory;
  const auto read = [&](const std::string& header, std::size_t bytes) {
    return read_safetensors(directory.write("x", file_of(header, bytes)), unless_a);
  };
  const TensorFile file = read(a + R"(,"b":)" + b + "}", 10);
  REQUIRE(file.tensors.size() == 1);
  CHECK(file.tensors[0].path == "b");
  CHECK(file.tensors[0].tensor.values() == std::vector<double>{7, 7});
  CHECK(test::error_of(directory, [&] { read(a + "}", 7); }) ==
        "x: tensor 'a': expected bytes within 7 of data, got offsets 0 to 8");
  CHECK(test::error_of(directory, [&] { read(a + "}", 9); }) == "x: expected 8 bytes of data, got 9");
}

TEST_CASE("a file without tensors reads back") {
  const TemporaryDirectory directory;
  write_safetensors(directory.path() + "/x", {});
  const TensorFile read = read_safetensors(directory.path() + "/x");
  CHECK(read.tensors.empty());
  CHECK(read.metadata.empty());
  CHECK(error_of(file_of("{}", 0)).empty());
}

TEST_CASE("the bytes are those of the format: length, header padded to 8, tensors in order") {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/x";
  write_safetensors(path,
                    {.metadata = {{"k", "v"}},
                     .tensors = {{"b", Tensor::from({1.5, -2}, {2, 1})}, {"a", Tensor::full({}, 1, DType::f16)}}});
  const std::string header = R"({"__metadata__":{"k":"v"},"a":{"data_offsets":[8,10],"dtype":"F16","shape":[]},)"
                             R"("b":{"data_offsets":[0,8],"dtype":"F32","shape":[2,1]}})";
  std::string want(1, static_cast<char>((header.size() + 7) / 8 * 8));
  want += std::string(7, '\0') + header + std::string((8 - header.size() % 8) % 8, ' ');
  want += std::string("\x00\x00\xc0\x3f\x00\x00\x00\xc0\x00\x3c", 10);
  std::ifstream file(path, std::ios::binary);
  CHECK(std::string(std::istreambuf_iterator<char>(file), {}) == want);
}

TEST_CASE("a name twice is not written") {
  const TemporaryDirectory directory;
  const Tensor one = Tensor::zeros({1});
  const auto write = [&](const TensorFile& file) {
    return test::error_of(directory, [&] { write_safetensors(directory.path() + "/x", file); });
  };
  CHECK(write({.tensors = {{"a", one}, {"a", one}}}) == "x: expected every name once, got 'a' twice");
  CHECK_FALSE(write({.tensors = {{"__metadata__", one}}}).empty());
  CHECK(directory.list().empty());
}

TEST_CASE("text that is not UTF-8 is an error and writes nothing") {
  const TemporaryDirectory directory;
  const TensorFile file{.metadata = {{"k", "\xff"}}};
  CHECK(test::error_of(directory, [&] { write_safetensors(directory.path() + "/x", file); }) ==
        "x: expected names and metadata in UTF-8");
  CHECK(directory.list().empty());
}

TEST_CASE("a file that is not there, or a directory, is an error with the system's reason") {
  const TemporaryDirectory directory;
  std::filesystem::create_directory(directory.path() + "/folder");
  const auto read = [&](const char* name) {
    return test::error_of(directory, [&] { read_safetensors(directory.path() + "/" + name); });
  };
  CHECK(read("none") == "cannot read none: No such file or directory");
  CHECK(read("folder") == "cannot read folder: Is a directory");
}

TEST_CASE("a header length that the file cannot hold is an error that costs no memory") {
  CHECK(error_of({}) == "x: expected a header length of 8 bytes, got a file of 0");
  CHECK(error_of(Bytes(7)) == "x: expected a header length of 8 bytes, got a file of 7");
  Bytes bytes = file_of("{}", 0);
  bytes[0] = 3;
  CHECK(error_of(bytes) == "x: expected a header of at most 2 bytes, got 3");
  std::fill_n(bytes.begin(), 8, std::uint8_t{0xff});
  CHECK(error_of(bytes) == "x: expected a header of at most 2 bytes, got 18446744073709551615");
  bytes = file_of(R"({"a":1})", 0);
  bytes[0] = 4;
  CHECK(error_of(bytes) == "x: expected a header in JSON");
  CHECK(error_of(Bytes(8)) == "x: expected a header that starts with '{'");
}

TEST_CASE("a header that is not JSON is an error") {
  for (const char* header : {"{", "{a:1}", "{\"a\":1,}", "{} {}", "{\"a\":1e999}", "{\"\\ud800\":1}", "{\"\xff\":1}",
                             "{\"a\":NaN}", "{\"a\":01}"})
    CHECK(header_error(header) == "x: expected a header in JSON");
  for (const char* header : {"[]", " {}", "null", "\"{}\""})
    CHECK(header_error(header) == "x: expected a header that starts with '{'");
}

TEST_CASE("metadata must be an object of strings") {
  for (const char* value : {"1", "null", "[]", "\"text\""})
    CHECK(header_error(fmt::format(R"({{"__metadata__":{}}})", value)) ==
          fmt::format("x: expected __metadata__ of names and strings, got {}", value));
  for (const char* value : {"1", "null", "{}"})
    CHECK(header_error(fmt::format(R"({{"__metadata__":{{"k":{}}}}})", value)) ==
          fmt::format("x: expected __metadata__ of names and strings, got {}", value));
}

TEST_CASE("a key twice, at any depth, is an error") {
  const std::string one = entry("\"U8\"", "[1]", "[0,1]");
  CHECK(header_error(R"({"a":)" + one + R"(,"a":)" + one + "}", 1) == "x: expected every name once, got 'a' twice");
  CHECK(header_error(R"({"__metadata__":{"k":"1","k":"2"}})") == "x: expected every name once, got 'k' twice");
  CHECK(header_error(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"dtype":"F32"}})", 1) ==
        "x: expected every name once, got 'dtype' twice");
}

TEST_CASE("an entry that is not a dtype, a shape and two offsets is an error") {
  const std::string wrong = "x: tensor 'a': expected dtype, shape and data_offsets, got ";
  for (const char* value :
       {"1", "null", "[]", "{}", R"({"dtype":"U8","shape":[]})",
        R"({"dtype":"U8","shape":[],"data_offsets":[0,1],"more":1})", R"({"dtype":"U8","shape":[],"offsets":[0,1]})"})
    CHECK(header_error(fmt::format(R"({{"a":{}}})", value), 1).starts_with(wrong));
  CHECK(header_error(R"({"a":1})") == wrong + "1");
  CHECK(entry_error("7", "[]", "[0,1]", 1).starts_with("x: tensor 'a': expected a dtype and two offsets, got {"));
  for (const char* offsets : {"[]", "[0]", "[0,1,1]", "1", "{}"})
    CHECK(
        entry_error("\"U8\"", "[]", offsets, 1).starts_with("x: tensor 'a': expected a dtype and two offsets, got {"));
}

TEST_CASE("a dtype that Tensor lacks is an error") {
  for (const char* dtype : {"BF16", "I64", "BOOL", "f32", ""})
    CHECK(entry_error(fmt::format("\"{}\"", dtype), "[1]", "[0,1]", 1) ==
          fmt::format("x: tensor 'a': expected dtype F16, F32, F64, U8, U16, U32, U64 or I32, got '{}'", dtype));
}

TEST_CASE("a shape that is not of at most four whole numbers is an error") {
  for (const char* shape : {"1", "{}", "null", "[1,1,1,1,1]"})
    CHECK(entry_error("\"U8\"", shape, "[0,1]", 1) ==
          fmt::format("x: tensor 'a': expected a shape of at most 4 extents, got {}", shape));
  for (const char* extent : {"-1", "1.0", "\"1\"", "null", "1e300"})
    CHECK(entry_error("\"U8\"", fmt::format("[{}]", extent), "[0,1]", 1)
              .starts_with("x: tensor 'a': expected whole numbers of 0 or more, got "));
  CHECK(entry_error("\"U8\"", "[-1]", "[0,1]", 1) == "x: tensor 'a': expected whole numbers of 0 or more, got -1");
}

TEST_CASE("a shape whose size overflows is an error, whatever extents of 0 are beside it") {
  for (const char* shape : {"[18446744073709551615]", "[9223372036854775808]", "[9223372036854775807]",
                            "[4294967296,4294967296]", "[65536,65536,65536,65536]", "[3037000500,3037000500,2]",
                            "[9223372036854775807,0]", "[4294967296,0,4294967296]", "[0,4294967296,4294967296]"}) {
    INFO(shape);
    CHECK(entry_error("\"F64\"", shape, "[0,0]", 0).starts_with("x: tensor 'a': shape: expected "));
  }
  // Fewer than 2^59 elements: the size is compared with the file's.
  CHECK(entry_error("\"F64\"", "[576460752303423488]", "[0,0]", 0) ==
        "x: tensor 'a': expected 4611686018427387904 bytes within 0 of data, got offsets 0 to 0");
}

TEST_CASE("offsets that do not fit shape and file are an error") {
  const auto message = [](int bytes, int data, const char* offsets) {
    return fmt::format("x: tensor 'a': expected {} bytes within {} of data, got offsets {}", bytes, data, offsets);
  };
  CHECK(entry_error("\"F32\"", "[2]", "[0,9]", 9) == message(8, 9, "0 to 9"));
  CHECK(entry_error("\"F32\"", "[2]", "[0,8]", 7) == message(8, 7, "0 to 8"));
  CHECK(entry_error("\"F32\"", "[2]", "[8,0]", 8) == message(8, 8, "8 to 0"));
  CHECK(entry_error("\"F32\"", "[2]", "[18446744073709551608,18446744073709551615]", 8) ==
        message(8, 8, "18446744073709551608 to 18446744073709551615"));
  for (const char* offsets : {"[-1,7]", "[0,-8]", "[0.0,8]", "[0,8e0]", "[\"0\",8]", "[null,8]"})
    CHECK(entry_error("\"F32\"", "[2]", offsets, 8)
              .starts_with("x: tensor 'a': expected whole numbers of 0 or more, got "));
}

TEST_CASE("tensors that overlap or leave holes are an error") {
  const auto two = [](const char* a, const char* b, std::size_t data_bytes) {
    return header_error(R"({"a":)" + entry("\"U8\"", "[4]", a) + R"(,"b":)" + entry("\"U8\"", "[4]", b) + "}",
                        data_bytes);
  };
  CHECK(two("[0,4]", "[4,8]", 8).empty());
  CHECK(two("[4,8]", "[0,4]", 8).empty());
  CHECK(two("[0,4]", "[0,4]", 4) == "x: tensor 'b': expected data from 4 on, got 0");
  CHECK(two("[0,4]", "[3,7]", 7) == "x: tensor 'b': expected data from 4 on, got 3");
  CHECK(two("[0,4]", "[5,9]", 9) == "x: tensor 'b': expected data from 4 on, got 5");
  CHECK(two("[1,5]", "[5,9]", 9) == "x: tensor 'a': expected data from 0 on, got 1");
  CHECK(two("[0,4]", "[4,8]", 9) == "x: expected 8 bytes of data, got 9");
  CHECK(header_error("{}", 1) == "x: expected 0 bytes of data, got 1");
}

TEST_CASE("a file cut at any byte is an error") {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/whole";
  write_safetensors(path, {.metadata = {{"k", "v"}}, .tensors = {{"a", counting({3, 5}, DType::f32)}}});
  std::ifstream file(path, std::ios::binary);
  const Bytes whole{std::istreambuf_iterator<char>(file), {}};
  REQUIRE(error_of(whole).empty());
  for (std::size_t size = 0; size < whole.size(); ++size)
    CHECK(error_of({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)}).starts_with("x: "));
}

TEST_CASE("nesting of any depth is an error and takes no stack") {
  constexpr std::size_t deep = 3'000'000;
  const std::string arrays = nested(deep, '[', ']');
  std::string objects;
  for (std::size_t i = 0; i < deep; ++i) objects += R"({"a":)";
  const std::string message = "x: expected a header of 3 levels, got more";
  CHECK(header_error(objects) == message);
  CHECK(header_error(objects + "1" + std::string(deep, '}')) == message);
  CHECK(header_error(R"({"a":)" + arrays + "}") == message);
  CHECK(header_error(R"({"__metadata__":{"k":)" + arrays + "}}") == message);
  CHECK(header_error(R"({"a":)" + entry("\"U8\"", arrays, "[0,1]") + "}", 1) == message);
  CHECK(header_error(R"({"a":)" + entry(arrays, "[]", "[0,1]") + "}", 1) == message);
}

TEST_CASE("a long name or value in a damaged header does not make the message long") {
  const std::string text(100'000, 'n');
  CHECK(entry_error("\"" + text + "\"", "[1]", "[0,1]", 1).size() < 300);
  CHECK(header_error(R"({")" + text + R"(":1})").size() < 300);
}
