// SPDX-License-Identifier: MIT
#include "few_threads.h"
#include "support.h"

#include <mpad/data/dataset.h>
#include <mpad/data/image_loader.h>

#include <atomic>
#include <chrono>
#include <numeric>
#include <thread>

using namespace mpad;

namespace {

// 2x3 pixels that hold the image's index and what it draws; takes longer for some than for others.
class CountingSource final : public ImageSource {
 public:
  explicit CountingSource(std::int64_t images, std::int64_t broken = -1) : images_(images), broken_(broken) {}

  Shape shape() const override { return {images_, 2, 3, 3}; }
  void read(std::int64_t index, const Augment& augment, Rng rng, std::uint8_t* pixels) const override {
    ++reads_;
    std::this_thread::sleep_for(std::chrono::microseconds(50 * (index % 7)));
    if (broken_ >= 0 && index >= broken_) throw Error("image " + std::to_string(index));
    for (int i = 0; i < 18; ++i)
      pixels[i] = static_cast<std::uint8_t>(i == 0 ? index : augment.flip ? static_cast<std::int64_t>(rng.word()) : i);
  }
  int reads() const { return reads_; }

 private:
  std::int64_t images_, broken_;
  mutable std::atomic<int> reads_{0};
};

Dataset counting(const std::shared_ptr<const ImageSource>& source, std::int64_t images) {
  std::vector<std::int32_t> labels(static_cast<std::size_t>(images));
  std::iota(labels.begin(), labels.end(), 0);
  return {.name = "counting",
          .pixels = {},
          .labels = Tensor::from(labels, {images}),
          .classes = 256,
          .mean = {0, 0, 0},
          .deviation = {1, 1, 1},
          .source = source};
}

struct Pass {
  std::vector<double> images, labels;
  bool operator==(const Pass&) const = default;
};

Pass collect(const Batches& batches) {
  Pass pass;
  for (const auto& [images, labels] : batches) {
    REQUIRE(images.shape() == Shape{labels.numel(), 2, 3, 3});
    for (const double value : images.values()) pass.images.push_back(value);
    for (const double label : labels.values()) pass.labels.push_back(label);
  }
  return pass;
}

}  // namespace

TEST_CASE("images of a source come in order, with their labels, in batches of any size") {
  const auto source = std::make_shared<CountingSource>(23);
  const Dataset dataset = counting(source, 23);
  CHECK(dataset.shape() == Shape{23, 2, 3, 3});
  for (const std::int64_t batch_size : {1, 5, 23, 100}) {
    const Batches batches = dataset.batches(batch_size);
    const Pass pass = collect(batches);
    REQUIRE(pass.labels.size() == 23);
    for (std::size_t i = 0; i < 23; ++i) {
      CHECK(pass.labels[i] == static_cast<double>(i));
      CHECK(std::lround(pass.images[18 * i] * 255) == static_cast<long>(i));
      CHECK(std::lround(pass.images[18 * i + 17] * 255) == 17);
    }
    CHECK(batches[0].images.values() ==
          std::vector<double>(pass.images.begin(), pass.images.begin() + std::min<std::int64_t>(batch_size, 23) * 18));
  }
  CHECK(dataset.first(7).size() == 7);
  CHECK(collect(dataset.first(7).batches(3)).labels.size() == 7);
  const Pass part = collect(dataset.part({20, 2}).batches(3));
  CHECK(part.labels == std::vector<double>{20, 2});
  CHECK(std::lround(part.images[0] * 255) == 20);
  CHECK(std::lround(part.images[18] * 255) == 2);
}

TEST_CASE("any number of workers and threads reads the same bits") {
  Dataset dataset = counting(std::make_shared<CountingSource>(60), 60);
  dataset.augment = {.flip = true};
  const auto read = [&](int workers, std::int64_t batch_size) {
    dataset.workers = workers;
    Rng rng(5);
    return collect(dataset.batches(batch_size, rng));
  };
  const Pass first = read(1, 16);
  for (const int workers : {2, 3, 8}) CHECK(read(workers, 16) == first);
  CHECK(read(4, 7) == first);
  test::with_threads([&] { CHECK(read(0, 16) == first); });
  Rng rng(5), next(6);
  CHECK(dataset.batches(60, rng)[0].images.values() == first.images);
  CHECK(collect(dataset.batches(16, next)) != first);
  dataset.augment = {};
  CHECK(read(2, 16).labels == first.labels);
  CHECK(read(2, 16).images != first.images);
}

TEST_CASE("no more batches are read ahead than the window holds") {
  const auto source = std::make_shared<CountingSource>(100);
  const Batches batches = counting(source, 100).batches(10);
  auto iterator = batches.begin();
  for (int i = 0; i < 4; ++i, ++iterator) {
    CHECK((*iterator).labels.values().front() == 10 * i);
    CHECK((*iterator).labels.values().front() == 10 * i);  // again
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    CHECK(source->reads() <= 10 * (i + static_cast<int>(ImageLoader::window)));
  }
}

TEST_CASE("a pass that is not finished ends all the same, and batches may be skipped") {
  const Batches batches = counting(std::make_shared<CountingSource>(100), 100).batches(10);
  for (int passes = 0; passes < 20; ++passes) auto iterator = batches.begin();
  auto iterator = batches.begin();
  for (int i = 0; i < 5; ++i) ++iterator;
  CHECK((*iterator).labels.values().front() == 50);
}

TEST_CASE("what reading an image throws comes with its batch, the first of them first") {
  for (const int workers : {1, 4}) {
    Dataset dataset = counting(std::make_shared<CountingSource>(50, 17), 50);
    dataset.workers = workers;
    const Batches batches = dataset.batches(10);
    auto iterator = batches.begin();
    CHECK_NOTHROW(*iterator);
    ++iterator;
    CHECK_THROWS_WITH(*iterator, "image 17");
    ++iterator;
    CHECK_THROWS_WITH(*iterator, "image 20");
    CHECK_THROWS_WITH(batches[1], "image 17");
  }
}

TEST_CASE("sources that do not fit their labels or augmentation are errors") {
  const auto error_after = [](auto&& change) {
    Dataset dataset = counting(std::make_shared<CountingSource>(20), 20);
    try {
      change(dataset);
      dataset.batches(5).begin();
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  CHECK(error_after([](Dataset&) {}).empty());
  CHECK(error_after([](Dataset& d) {
          d.pixels = Tensor({20, 2, 3, 3}, DType::u8);
        }) == "counting: expected pixels or a source of images, got both");
  CHECK(error_after([](Dataset& d) { d = counting(d.source, 21); }) ==
        "counting: expected a label for each of 20 images, got 21");
  CHECK(error_after([](Dataset& d) { d.labels = Tensor(); }) == "counting: expected labels, got none");
  CHECK(error_after([](Dataset& d) { d.augment.crop_pad = 1; }) ==
        "counting: expected resized crops of images in files, got crops with padding");
  CHECK(error_after([](Dataset& d) { d.workers = -1; }) == "image loader: expected 0 to 1024 workers, got -1");
  CHECK(error_after([](Dataset& d) {
          d.source = nullptr;
          d.pixels = Tensor({20, 2, 3, 3}, DType::u8);
          d.augment.resized_crop = true;
        }) == "counting: expected crops with padding of images in memory, got resized crops");
}

TEST_CASE("more workers than the system has threads for are an error that says so", "[large]") {
  Dataset dataset = counting(std::make_shared<CountingSource>(100), 100);
  dataset.workers = 1024;
  const Batches batches = dataset.batches(10);
  const test::FewThreads few;
  CHECK_THROWS_WITH(batches.begin(), Catch::Matchers::StartsWith("images: cannot start 1024 threads (--workers): "));
}
