// SPDX-License-Identifier: MIT
#include "image_support.h"
#include "support.h"

using namespace mpad;
using namespace mpad::test;

namespace {

// 5x9 pixels 40 + 8 y + 5 x + 30 c as Pillow 9.4 wrote them (quality 90): with chroma at half size, progressive, and
// gray.
const std::string subsampled = from_hex(
    "FFD8FFE000104A46494600010100000100010000FFDB0043000302020302020303030304030304050805050404050A070706080C0A0C"
    "0C0B0A0B0B0D0E12100D0E110E0B0B1016101113141515150C0F171816141812141514FFDB00430103040405040509050509140D0B0D"
    "1414141414141414141414141414141414141414141414141414141414141414141414141414141414141414141414141414FFC00011"
    "080005000903012200021101031101FFC400160001010100000000000000000000000000000607FFC4001B1000010403000000000000"
    "00000000000000040616A1212251FFC40014010100000000000000000000000000000006FFC400141101000000000000000000000000"
    "00000000FFDA000C03010002110311003F00CF9A2D347A628BC89A3E50035127FFD9");
const std::string progressive = from_hex(
    "FFD8FFE000104A46494600010100000100010000FFDB0043000302020302020303030304030304050805050404050A070706080C0A0C"
    "0C0B0A0B0B0D0E12100D0E110E0B0B1016101113141515150C0F171816141812141514FFDB00430103040405040509050509140D0B0D"
    "1414141414141414141414141414141414141414141414141414141414141414141414141414141414141414141414141414FFC20011"
    "080005000903011100021101031101FFC4001500010100000000000000000000000000000506FFC40015010101000000000000000000"
    "00000000000005FFDA000C030100021003100000019EB521E3FFC40017100003010000000000000000000000000000020414FFDA0008"
    "01010001050292443221FFC40014110100000000000000000000000000000010FFDA0008010301013F013FFFC4001411010000000000"
    "0000000000000000000010FFDA0008010201013F013FFFC40014100100000000000000000000000000000010FFDA0008010100063F02"
    "3FFFC4001510010100000000000000000000000000001021FFDA0008010100013F21903FFFDA000C03010002000300000010FF00FFC4"
    "0014110100000000000000000000000000000010FFDA0008010301013F103FFFC40014110100000000000000000000000000000010FF"
    "DA0008010201013F103FFFC4001710000301000000000000000000000000000041A161FFDA0008010100013F10430C21FFD9");
const std::string gray = from_hex(
    "FFD8FFE000104A46494600010100000100010000FFDB0043000302020302020303030304030304050805050404050A070706080C0A0C"
    "0C0B0A0B0B0D0E12100D0E110E0B0B1016101113141515150C0F171816141812141514FFC0000B080005000901011100FFC400150001"
    "0100000000000000000000000000000607FFC4001B100001040300000000000000000000000000040616A1212251FFDA000801010000"
    "3F009F345A68F4C50F2268F947FFD9");

double smooth(std::int64_t y, std::int64_t x, std::int64_t c) {
  return static_cast<double>(40 + 8 * y + 5 * x + 30 * c);
}

// Largest distance from what was written.
template <class F>
double distance(const Image& image, F&& want) {
  REQUIRE(image.height == 5);
  REQUIRE(image.width == 9);
  double worst = 0;
  for (std::int64_t i = 0; i < 5 * 9 * 3; ++i)
    worst = std::max(worst, std::abs(image.pixels[static_cast<std::size_t>(i)] - want(i / 27, i / 3 % 9, i % 3)));
  return worst;
}

std::string error_with(const std::string& bytes, std::int64_t most_pixels = 1000) {
  try {
    decode_image(bytes, "x", most_pixels);
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

}  // namespace

TEST_CASE("PNGs are read to the byte: gray three times, without transparency") {
  const Bytes pixels{0,  1,  2,  3,  252, 253, 254, 255, 10,  20,  30,  40,
                     50, 60, 70, 80, 90,  100, 110, 120, 130, 140, 150, 160};
  const Image gray_image = decode_image(png(3, 2, 1, pixels), "x");
  CHECK(gray_image.height == 3);
  CHECK(gray_image.width == 2);
  CHECK(gray_image.pixels == Bytes{0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 252, 252, 252, 253, 253, 253});
  CHECK(decode_image(png(3, 1, 2, pixels), "x").pixels == Bytes{0, 0, 0, 2, 2, 2, 252, 252, 252});
  CHECK(decode_image(png(2, 4, 3, pixels), "x").pixels == pixels);
  CHECK(decode_image(png(1, 2, 4, pixels), "x").pixels == Bytes{0, 1, 2, 252, 253, 254});
}

TEST_CASE("JPEGs are read: subsampled, progressive and gray, of odd sizes") {
  // As far as Pillow's own reading of them is from the original, 2 and 1, and one more for another inverse transform.
  CHECK(distance(decode_image(subsampled, "x"), smooth) <= 3);
  CHECK(distance(decode_image(progressive, "x"), smooth) <= 3);
  const auto luma = [](std::int64_t y, std::int64_t x, std::int64_t) {
    return 0.299 * smooth(y, x, 0) + 0.587 * smooth(y, x, 1) + 0.114 * smooth(y, x, 2);
  };
  CHECK(distance(decode_image(gray, "x"), luma) <= 3);
}

TEST_CASE("what is no whole JPEG or PNG of a size allowed is an error with a name") {
  CHECK(error_with("") == "x: expected a JPEG or PNG image, got: unknown image type");
  CHECK(error_with("GIF89a, once") == "x: expected a JPEG or PNG image, got: unknown image type");
  CHECK(error_with(png(3, 2, 1, Bytes(6)), 5) == "x: expected an image of at most 5 pixels, got 2x3");
  CHECK(error_with(png(3, 2, 1, Bytes(6)), 6).empty());
  const std::string whole = png(5, 9, 3, Bytes(5 * 9 * 3, 7));
  for (std::size_t size = 0; size < whole.size() - 12; ++size) CHECK_FALSE(error_with(whole.substr(0, size)).empty());
  CHECK_FALSE(error_with(subsampled.substr(0, 100)).empty());
}

TEST_CASE("Huffman tables of more than 256 symbols are an error, wherever they are") {
  // A table in front of the picture: 16 lengths with as many codes each.
  const auto table = [](int symbols) {
    std::string counts;
    for (int i = 0; i < 16; ++i) counts += static_cast<char>(symbols);
    const int length = 2 + 17 + 16 * symbols;
    return std::string("\xff\xc4") + static_cast<char>(length >> 8) + static_cast<char>(length) + '\0' + counts +
           std::string(static_cast<std::size_t>(16 * symbols), '\1');
  };
  const std::string bad = "x: expected an intact image, got: a Huffman table of more than 256 symbols";
  const std::string segment = table(17);
  CHECK(error_with(gray.substr(0, 2) + segment + gray.substr(2)) == bad);
  CHECK(error_with(gray.substr(0, 2) + "\xff\xff" + segment + gray.substr(2)) == bad);
  CHECK(error_with(gray.substr(0, gray.size() - 2) + segment + gray.substr(gray.size() - 2)) == bad);
  CHECK(error_with(progressive.substr(0, progressive.size() - 2) + segment + "\xff\xd9") == bad);
  CHECK(error_with(gray.substr(0, 2) + table(16) + gray.substr(2)) != bad);  // 256 symbols are not too many
  // The same bytes as a comment are text.
  const std::string comment = std::string("\xff\xfe", 2) + static_cast<char>((segment.size() + 2) >> 8) +
                              static_cast<char>(segment.size() + 2) + segment;
  CHECK(error_with(gray.substr(0, 2) + comment + gray.substr(2)).empty());
}

TEST_CASE("a PNG chunk that promises more than the file holds is an error that costs no memory") {
  std::string file = png(5, 9, 3, Bytes(5 * 9 * 3, 7));
  CHECK(error_with(file + "what is behind the last chunk").empty());
  const std::size_t length_at = file.find("IDAT") - 4;
  file[length_at] = '\x3f';
  CHECK(error_with(file) == "x: expected an intact image, got: a chunk longer than the file");
  CHECK(error_with(file.substr(0, length_at + 8)) == "x: expected an intact image, got: a chunk longer than the file");
}

TEST_CASE("a PNG whose data begins with an empty chunk is an error; one with an empty chunk later is not") {
  const std::string file = png(5, 9, 3, Bytes(5 * 9 * 3, 7)), empty = png_chunk("IDAT", "");
  const std::size_t data_at = file.find("IDAT") - 4, end_at = file.find("IEND") - 4;
  const std::string bad = "x: expected an intact image, got: an empty chunk in place of the first data";
  CHECK(error_with(file.substr(0, data_at) + empty + file.substr(data_at)) == bad);
  CHECK(error_with(file.substr(0, data_at) + empty + file.substr(end_at)) == bad);
  CHECK(error_with(file.substr(0, end_at) + empty + file.substr(end_at)).empty());
}

TEST_CASE("a scan that names a Huffman table which is not there reads zeros, not what is in memory") {
  const std::size_t tables_at = gray.find("\xff\xc4"), scan_at = gray.find("\xff\xda");
  std::make_unique<Bytes>(20000, 0xff).reset();  // for the decoder's memory to be taken from
  const Image image = decode_image(gray.substr(0, tables_at) + gray.substr(scan_at), "x");
  CHECK(image.pixels == Bytes(5 * 9 * 3, 128));
}
