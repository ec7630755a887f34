// SPDX-License-Identifier: MIT
#include "support.h"

#include <mpad/core/parallel.h>
#include <mpad/data/dataset.h>

#include <algorithm>
#include <numeric>

using namespace mpad;

namespace {

// n images of h x w x c whose bytes count up from 0, wrapping; label i % 10.
Dataset counting(std::int64_t n, std::int64_t h, std::int64_t w, std::int64_t c = 1) {
  Dataset dataset{.name = "counting",
                  .pixels = Tensor({n, h, w, c}, DType::u8),
                  .labels = Tensor({n}, DType::i32),
                  .classes = 10,
                  .mean = std::vector<double>(static_cast<std::size_t>(c), 0),
                  .deviation = std::vector<double>(static_cast<std::size_t>(c), 1)};
  auto pixels = dataset.pixels.span<std::uint8_t>();
  std::iota(pixels.begin(), pixels.end(), std::uint8_t{0});
  auto labels = dataset.labels.span<std::int32_t>();
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<std::int32_t>(i % 10);
  return dataset;
}

// n images of one pixel, image i worth i / 255, so that a batch shows which images it holds.
std::vector<int> indices_of(const Batches& batches) {
  std::vector<int> indices;
  for (const auto& [images, labels] : batches) {
    REQUIRE(images.shape() == Shape{labels.numel(), 1, 1, 1});
    const std::vector<double> values = images.values(), label = labels.values();
    for (std::size_t i = 0; i < values.size(); ++i) {
      indices.push_back(static_cast<int>(std::lround(values[i] * 255)));
      CHECK(label[i] == indices.back() % 10);
    }
  }
  return indices;
}

std::vector<int> counting_up(int n) {
  std::vector<int> indices(static_cast<std::size_t>(n));
  std::iota(indices.begin(), indices.end(), 0);
  return indices;
}

// The member of the half format nearest to x, ties to even, for x in its normal range or 0.
double nearest_half(double x) {
  if (x == 0) return 0;
  const int exponent = std::ilogb(x) - 10;
  return std::ldexp(std::nearbyint(std::ldexp(x, -exponent)), exponent);
}

double rounded(double x, DType dtype) {
  return dtype == DType::f64 ? x : dtype == DType::f32 ? static_cast<float>(x) : nearest_half(x);
}

template <class Change>
std::string error_after(Change&& change) {
  Dataset dataset = counting(20, 2, 2);
  try {
    change(dataset);
    dataset.batches(5);
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

}  // namespace

TEST_CASE("batches in order hold every image once and keep the last partial batch") {
  const Dataset dataset = counting(23, 1, 1);
  const Batches batches = dataset.batches(5);
  CHECK(batches.size() == 5);
  CHECK(batches[4].images.shape() == Shape{3, 1, 1, 1});
  CHECK(batches[4].labels.values() == std::vector<double>{0, 1, 2});
  CHECK(indices_of(batches) == counting_up(23));
  CHECK(indices_of(dataset.batches(23)) == counting_up(23));
  CHECK(dataset.batches(1000).size() == 1);
}

TEST_CASE("shuffling is a permutation that the seed decides") {
  const Dataset dataset = counting(200, 1, 1);
  Rng rng(3), same(3), other(4);
  const std::vector<int> first = indices_of(dataset.batches(32, rng)), second = indices_of(dataset.batches(32, rng));
  CHECK(indices_of(dataset.batches(32, same)) == first);
  CHECK(indices_of(dataset.batches(32, same)) == second);
  CHECK(indices_of(dataset.batches(7, other)) != first);
  CHECK(first != second);
  for (std::vector<int> order : {first, second}) {
    CHECK(order != counting_up(200));
    std::sort(order.begin(), order.end());
    CHECK(order == counting_up(200));
  }
}

TEST_CASE("the order does not depend on the batch size") {
  const Dataset dataset = counting(100, 1, 1);
  Rng a(9), b(9);
  CHECK(indices_of(dataset.batches(8, a)) == indices_of(dataset.batches(100, b)));
}

TEST_CASE("every permutation of three images comes up") {
  const Dataset dataset = counting(3, 1, 1);
  std::vector<int> seen(1000);
  constexpr int draws = 6000;
  Rng rng(1);
  for (int i = 0; i < draws; ++i) {
    const std::vector<int> order = indices_of(dataset.batches(3, rng));
    ++seen[static_cast<std::size_t>(100 * order[0] + 10 * order[1] + order[2])];
  }
  // Each is binomial(6000, 1/6): mean 1000, standard deviation 29; five of them either way.
  for (const int permutation : {12, 21, 102, 120, 201, 210})
    CHECK(std::abs(seen[static_cast<std::size_t>(permutation)] - 1000) < 145);
}

TEST_CASE("pixels are normalised channel by channel with one rounding, in each dtype") {
  Dataset dataset = counting(1, 16, 16, 3);
  dataset.mean = {0.5, 0.4914, 0.1307};
  dataset.deviation = {0.5, 0.2471, 0.3081};
  const auto pixels = dataset.pixels.span<std::uint8_t>();
  for (const DType dtype : test::real_dtypes) {
    dataset.dtype = dtype;
    const Tensor images = dataset.batches(1)[0].images;
    REQUIRE(images.dtype() == dtype);
    REQUIRE(images.shape() == dataset.pixels.shape());
    const std::vector<double> values = images.values();
    for (std::size_t i = 0; i < values.size(); ++i)
      CHECK(values[i] == rounded((pixels[i] / 255.0 - dataset.mean[i % 3]) / dataset.deviation[i % 3], dtype));
  }
}

TEST_CASE("a batch is the same for any number of threads") {
  const Dataset dataset = counting(100, 7, 5, 3);
  const int threads = num_threads();
  Tensor images[2];
  for (const int i : {0, 1}) {
    set_num_threads(1 + 3 * i);
    Rng rng(2);
    images[i] = dataset.batches(64, rng)[0].images;
  }
  set_num_threads(threads);
  CHECK(test::same_bits(images[0], images[1]));
}

TEST_CASE("first shares the data and takes no more than there is") {
  const Dataset dataset = counting(20, 2, 2);
  const Dataset part = dataset.first(7);
  CHECK(part.size() == 7);
  CHECK(part.labels.numel() == 7);
  CHECK(part.pixels.view().data == dataset.pixels.view().data);
  CHECK(dataset.first(100).size() == 20);
  CHECK_THROWS_WITH(dataset.first(0), "counting: expected 1 image or more, got 0");
}

TEST_CASE("a part has the images that are named, in their order") {
  const Dataset dataset = counting(20, 1, 1);
  const Dataset part = dataset.part({7, 3, 19, 3});
  CHECK(indices_of(part.batches(3)) == std::vector<int>{7, 3, 19, 3});
  CHECK(part.name == "counting");
  CHECK(counting(4, 2, 1).part({2}).pixels.values() == std::vector<double>{4, 5});
  CHECK_THROWS_WITH(dataset.part({0, 20}), "counting: expected indices in 0..19, got 20");
  CHECK_THROWS_WITH(dataset.part({-1}), "counting: expected indices in 0..19, got -1");
  CHECK_THROWS_WITH(dataset.part({}), "counting: expected 1 image or more, got 0");
}

TEST_CASE("batches keep the data set's arrays alive") {
  const Batches batches = counting(8, 1, 1).batches(3);
  CHECK(indices_of(batches) == counting_up(8));
}

TEST_CASE("augmentation depends on seed, pass and image, on no batch size or order") {
  Dataset dataset = counting(40, 6, 6);
  const auto by_image = [&](std::int64_t batch_size, Rng rng) {
    // Labels name the images, as the pixels no longer do.
    const auto labels = dataset.labels.span<std::int32_t>();
    for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<std::int32_t>(i);
    dataset.classes = 40;
    std::vector<std::vector<double>> images(40);
    for (const auto& [pixels, label] : dataset.batches(batch_size, rng))
      for (std::int64_t i = 0; i < label.numel(); ++i)
        images[static_cast<std::size_t>(label.values()[static_cast<std::size_t>(i)])] =
            pixels.slice(36 * i, {36}).values();
    return images;
  };
  const auto plain = by_image(8, Rng(5));
  dataset.augment = {.crop_pad = 2, .flip = true};
  const auto augmented = by_image(8, Rng(5));
  CHECK(augmented != plain);
  CHECK(by_image(40, Rng(5)) == augmented);
  CHECK(by_image(7, Rng(5)) == augmented);
  CHECK(by_image(8, Rng(6)) != augmented);
  Rng later(5);
  later.seek(39);  // behind a first pass
  CHECK(by_image(8, later) != augmented);
  test::with_threads([&] { CHECK(by_image(16, Rng(5)) == augmented); });
}

TEST_CASE("augmentation leaves the order, and batches that are not shuffled, as they are") {
  Dataset dataset = counting(50, 1, 1);
  Rng rng(3), same(3);
  const std::vector<int> order = indices_of(dataset.batches(8, rng));
  dataset.augment = {.flip = true};  // which a single pixel does not notice
  CHECK(indices_of(dataset.batches(8, same)) == order);
  CHECK(rng.position() == same.position());
  dataset.augment = {.crop_pad = 1};
  CHECK(indices_of(dataset.batches(50)) == counting_up(50));
  CHECK(dataset.first(10).augment == dataset.augment);
}

TEST_CASE("a data set whose parts do not fit together is an error") {
  CHECK(error_after([](Dataset&) {}).empty());
  CHECK(error_after([](Dataset& d) { d.pixels = Tensor(); }) == "counting: expected pixels, got none");
  CHECK(error_after([](Dataset& d) {
          d.pixels = Tensor::zeros({20, 2, 2, 1});
        }) == "counting: expected pixels u8 N,h,w,c, got float 20,2,2,1");
  CHECK(error_after([](Dataset& d) {
          d.pixels = d.pixels.reshaped({20, 4});
        }) == "counting: expected pixels u8 N,h,w,c, got u8 20,4");
  CHECK(error_after([](Dataset& d) {
          d.pixels = Tensor({0, 2, 2, 1}, DType::u8);
        }) == "counting: expected 1 to 2147483647 images with pixels, got shape 0,2,2,1");
  CHECK(error_after([](Dataset& d) { d.labels = Tensor::zeros({20}); }) ==
        "counting: expected labels i32 N, got float 20");
  CHECK(error_after([](Dataset& d) { d.labels = d.labels.slice(0, {19}); }) ==
        "counting: expected a label for each of 20 images, got 19");
  CHECK(error_after([](Dataset& d) { d.classes = 9; }) == "counting: expected labels in 0..8, got 9");
  CHECK(error_after([](Dataset& d) { d.labels.span<std::int32_t>()[3] = -1; }) ==
        "counting: expected labels in 0..9, got -1");
  CHECK(error_after([](Dataset& d) {
          d.mean = {0.5, 0.5, 0.5};
        }) == "counting: expected mean and deviation for each of 1 channels, got 3 and 1");
  CHECK(error_after([](Dataset& d) { d.deviation = {0}; }) == "counting: expected deviations above 0, got 0");
  CHECK(error_after([](Dataset& d) { d.augment.crop_pad = 3; }) ==
        "counting: expected a crop's padding of 0 to 2 pixels, got 3");
  CHECK(error_after([](Dataset& d) { d.dtype = DType::u8; }) ==
        "counting: expected a dtype of half, float or double, got u8");
}

TEST_CASE("batch sizes, batch numbers and orders out of range are errors") {
  const Dataset dataset = counting(20, 1, 1);
  CHECK_THROWS_WITH(dataset.batches(0), "batches: expected a batch size of 1 or more, got 0");
  CHECK_THROWS_WITH(dataset.batches(-3), "batches: expected a batch size of 1 or more, got -3");
  CHECK_THROWS_WITH(dataset.batches(8)[3], "batches: expected a batch in 0..2, got 3");
  CHECK_THROWS_WITH(Batches(dataset, 4, {0, 20}), "batches: expected indices in 0..19, got 20");
}
