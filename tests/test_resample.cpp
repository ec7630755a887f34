// SPDX-License-Identifier: MIT
#include "image_support.h"
#include "support.h"

#include <mpad/data/resample.h>

using namespace mpad;
using namespace mpad::test;

namespace {

// What Pillow 9.4 makes of rough_image(23, 31) with BILINEAR: 17x19 pixels from (3, 5) at 5x5; 2x3 pixels from (3, 5)
// at 5x5; and, the shorter side resized to 8, the 7x7 pixels in the middle.
const std::vector<double> reduced{141, 113, 109, 126, 112, 137, 112, 136, 147, 133, 136, 127, 143, 123, 105,
                                  133, 126, 138, 128, 137, 119, 136, 122, 138, 128, 138, 127, 122, 133, 115,
                                  138, 119, 134, 124, 131, 123, 131, 129, 139, 140, 129, 123, 128, 126, 124,
                                  140, 112, 117, 109, 136, 145, 143, 128, 108, 100, 115, 142, 141, 156, 117,
                                  172, 152, 86,  105, 100, 150, 147, 159, 104, 112, 86,  129, 113, 173, 165};
const std::vector<double> enlarged{143, 203, 7,  149, 209, 13, 159, 219, 23, 169, 229, 33, 175, 235, 39,
                                   148, 183, 12, 154, 189, 18, 164, 199, 28, 174, 209, 38, 181, 215, 45,
                                   170, 102, 34, 177, 109, 41, 187, 119, 51, 197, 129, 61, 203, 135, 67,
                                   192, 21,  56, 199, 28,  63, 209, 38,  73, 219, 48,  83, 225, 55,  89,
                                   197, 1,   61, 204, 8,   68, 214, 18,  78, 224, 28,  88, 231, 35,  95};
const std::vector<double> middle{
    120, 175, 181, 162, 185, 90,  182, 129, 71,  151, 70,  116, 74,  99,  152, 83,  141, 171, 127, 164, 156,
    147, 127, 111, 133, 115, 128, 121, 122, 142, 119, 133, 139, 124, 128, 128, 142, 131, 117, 135, 120, 125,
    136, 121, 138, 121, 137, 124, 135, 124, 141, 123, 140, 120, 136, 118, 135, 116, 134, 112, 147, 112, 146,
    142, 118, 135, 123, 140, 116, 146, 121, 143, 129, 138, 124, 132, 128, 124, 125, 132, 117, 138, 125, 123,
    127, 131, 135, 129, 136, 120, 126, 122, 134, 120, 129, 140, 146, 137, 111, 139, 113, 121, 119, 136, 143,
    142, 96,  106, 89,  130, 164, 150, 157, 104, 125, 81,  111, 85,  138, 167, 162, 152, 94,  149, 77,  119,
    182, 134, 81,  96,  100, 158, 134, 175, 122, 152, 87,  96,  83,  130, 178, 159, 153, 112, 120, 85,  126};

double distance(const Bytes& got, const std::vector<double>& want) {
  REQUIRE(got.size() == want.size());
  double worst = 0;
  for (std::size_t i = 0; i < got.size(); ++i) worst = std::max(worst, std::abs(got[i] - want[i]));
  return worst;
}

Bytes boxed(const Image& image, const Box& box, std::int64_t size, bool mirrored = false) {
  Bytes pixels(static_cast<std::size_t>(3 * size * size));
  resize_box(image, box, size, mirrored, pixels.data());
  return pixels;
}

Bytes middle_of(const Image& image, std::int64_t size, bool mirrored = false) {
  Bytes pixels(static_cast<std::size_t>(3 * size * size));
  resize_middle(image, size, mirrored, pixels.data());
  return pixels;
}

// The definition in double, without separating the axes: the mean under a pyramid.
std::vector<double> reference(const Image& image, const Box& box, std::int64_t size) {
  const double rows = static_cast<double>(box.height) / static_cast<double>(size);
  const double columns = static_cast<double>(box.width) / static_cast<double>(size);
  const auto weight = [](double step, double begin, std::int64_t i, std::int64_t at) {
    const double distance = static_cast<double>(at) + 0.5 - begin - (static_cast<double>(i) + 0.5) * step;
    return std::max(0.0, 1 - std::abs(distance) / std::max(step, 1.0));
  };
  std::vector<double> out;
  for (std::int64_t i = 0; i < size * size * 3; ++i) {
    double sum = 0, total = 0;
    for (std::int64_t y = box.top; y < box.top + box.height; ++y)
      for (std::int64_t x = box.left; x < box.left + box.width; ++x) {
        const double w = weight(rows, static_cast<double>(box.top), i / 3 / size, y) *
                         weight(columns, static_cast<double>(box.left), i / 3 % size, x);
        total += w;
        sum += w * image.pixels[static_cast<std::size_t>((y * image.width + x) * 3 + i % 3)];
      }
    out.push_back(sum / total);
  }
  return out;
}

Bytes mirror(const Bytes& pixels, std::size_t size) {
  Bytes mirrored;
  for (std::size_t row = 0; row < size; ++row)
    for (std::size_t column = size; column-- > 0;)
      for (std::size_t c = 0; c < 3; ++c) mirrored.push_back(pixels[(row * size + column) * 3 + c]);
  return mirrored;
}

}  // namespace

TEST_CASE("resizing is Pillow's, but for its rounding between the axes") {
  const Image image = rough_image(23, 31);
  CHECK(distance(boxed(image, {3, 5, 17, 19}, 5), reduced) <= 1);
  CHECK(distance(boxed(image, {3, 5, 2, 3}, 5), enlarged) <= 1);
  CHECK(distance(middle_of(image, 7), middle) <= 1);
}

TEST_CASE("resizing rounds the mean under a pyramid once") {
  const Image image = rough_image(40, 33);
  for (const Box& box : {Box{0, 0, 40, 33}, {7, 2, 30, 11}, {39, 32, 1, 1}, {5, 5, 6, 6}, {0, 30, 40, 3}})
    for (const std::int64_t size : {1, 6, 50})  // half a level, and what float's sums are off
      CHECK(distance(boxed(image, box, size), reference(image, box, size)) <= 0.501);
}

TEST_CASE("a box of the size asked for is copied, and a flat image stays flat") {
  const Image image = rough_image(12, 10);
  const Bytes copy = boxed(image, {2, 1, 8, 8}, 8);
  for (std::size_t i = 0; i < copy.size(); ++i)
    REQUIRE(copy[i] == image.pixels[((i / 24 + 2) * 10 + i / 3 % 8 + 1) * 3 + i % 3]);
  for (const int level : {0, 1, 127, 255}) {
    const Image flat{37, 53, Bytes(37 * 53 * 3, static_cast<std::uint8_t>(level))};
    CHECK(boxed(flat, {0, 0, 37, 53}, 9) == Bytes(243, static_cast<std::uint8_t>(level)));
    CHECK(middle_of(flat, 9) == Bytes(243, static_cast<std::uint8_t>(level)));
  }
}

TEST_CASE("mirrored images are the others, right to left") {
  const Image image = rough_image(23, 31);
  CHECK(boxed(image, {3, 5, 17, 19}, 5, true) == mirror(boxed(image, {3, 5, 17, 19}, 5), 5));
  CHECK(middle_of(image, 7, true) == mirror(middle_of(image, 7), 7));
}

TEST_CASE("the middle is found in images of any shape") {
  for (const auto& [height, width] : {std::pair(1, 1), {1, 40}, {40, 1}, {7, 8}, {300, 200}})
    for (const std::int64_t size : {1, 2, 7, 32}) CHECK_NOTHROW(middle_of(rough_image(height, width), size));
}

TEST_CASE("random boxes lie in the image and have the areas and ratios asked for") {
  Rng rng(1);
  double least_area = 1, most_area = 0, least_ratio = 9, most_ratio = 0, mean_area = 0;
  constexpr int count = 4000;
  for (int i = 0; i < count; ++i) {
    const Box box = random_box(300, 300, rng);
    REQUIRE((box.top >= 0 && box.left >= 0 && box.top + box.height <= 300 && box.left + box.width <= 300));
    const double area = static_cast<double>(box.height * box.width) / 90000;
    const double ratio = static_cast<double>(box.width) / static_cast<double>(box.height);
    least_area = std::min(least_area, area);
    most_area = std::max(most_area, area);
    least_ratio = std::min(least_ratio, ratio);
    most_ratio = std::max(most_ratio, ratio);
    mean_area += area / count;
  }
  // Rounding to whole pixels moves areas and ratios of boxes of 73 pixels and more by 2 %.
  CHECK((least_area > 0.078 && least_area < 0.1 && most_area > 0.95 && most_area <= 1));
  CHECK((least_ratio > 0.735 && least_ratio < 0.78 && most_ratio > 1.28 && most_ratio < 1.36));
  // An area A fits with probability 1 below 3/4 and log(1 / A) / log(4 / 3) above, so the mean is 0.478; that of 4000
  // has a standard deviation of 0.004: five of them either way.
  CHECK(std::abs(mean_area - 0.478) < 0.02);
}

TEST_CASE("where no box fits, the largest in the middle is taken") {
  Rng rng(2);
  for (int i = 0; i < 100; ++i) {
    const Box wide = random_box(3, 1000, rng), high = random_box(1000, 3, rng);
    CHECK((wide.height == 3 && wide.width == 4 && wide.top == 0 && wide.left == 498));
    CHECK((high.height == 4 && high.width == 3 && high.top == 498 && high.left == 0));
  }
  for (int i = 0; i < 100; ++i) {
    const Box dot = random_box(1, 1, rng);
    CHECK((dot.height == 1 && dot.width == 1 && dot.top == 0 && dot.left == 0));
  }
}

TEST_CASE("a random box follows from the stream") {
  Rng a(3), b(3), c(4);
  const Box box = random_box(200, 300, a), same = random_box(200, 300, b), other = random_box(200, 300, c);
  CHECK((box.top == same.top && box.left == same.left && box.height == same.height && box.width == same.width));
  CHECK((box.top != other.top || box.left != other.left || box.height != other.height || box.width != other.width));
}
