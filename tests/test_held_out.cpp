// SPDX-License-Identifier: MIT
#include "training_support.h"

#include <mpad/study/held_out.h>

#include <algorithm>
#include <numeric>

using namespace mpad;

namespace {

// Images of one pixel that is their index, as are their labels.
Dataset numbered(std::int32_t count) {
  Dataset dataset = test::spots(count, 1);
  dataset.pixels = Tensor({count, 1, 1, 1}, DType::u8);
  dataset.classes = count;
  for (std::int32_t i = 0; i < count; ++i) {
    dataset.pixels.span<std::uint8_t>()[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(i);
    dataset.labels.span<std::int32_t>()[static_cast<std::size_t>(i)] = i;
  }
  return dataset;
}

// The same images made when they are asked for.
class Numbers final : public ImageSource {
 public:
  Shape shape() const override { return {20, 1, 1, 1}; }
  void read(std::int64_t index, const Augment&, Rng, std::uint8_t* pixels) const override {
    *pixels = static_cast<std::uint8_t>(index);
  }
};

std::vector<std::int32_t> labels_of(const Dataset& dataset) {
  const auto labels = dataset.labels.span<std::int32_t>();
  return {labels.begin(), labels.end()};
}

// What the network sees of each image: (index / 255 - mean) / deviation.
std::vector<double> images_of(Dataset dataset) {
  dataset.mean = {0};
  dataset.deviation = {1.0 / 255};
  dataset.dtype = DType::f64;
  return dataset.batches(100)[0].images.values();
}

}  // namespace

TEST_CASE("each image is held out or trained on, in the order that it had") {
  const auto [train, held_out] = hold_out(numbered(20), 5, 1);
  CHECK(train.size() == 15);
  CHECK(held_out.size() == 5);
  std::vector<std::int32_t> all = labels_of(train), kept = labels_of(held_out);
  CHECK(std::is_sorted(all.begin(), all.end()));
  CHECK(std::is_sorted(kept.begin(), kept.end()));
  all.insert(all.end(), kept.begin(), kept.end());
  std::sort(all.begin(), all.end());
  std::vector<std::int32_t> every(20);
  std::iota(every.begin(), every.end(), 0);
  CHECK(all == every);
  for (const Dataset* part : {&train, &held_out}) {
    CHECK_NOTHROW(part->validate());
    const auto pixels = part->pixels.span<std::uint8_t>();
    CHECK(std::equal(pixels.begin(), pixels.end(), labels_of(*part).begin()));
  }
}

TEST_CASE("which images are held out follows from the seed") {
  const Dataset whole = numbered(20);
  CHECK(labels_of(hold_out(whole, 5, 1).test) == labels_of(hold_out(whole, 5, 1).test));
  CHECK(labels_of(hold_out(whole, 5, 1).test) != labels_of(hold_out(whole, 5, 2).test));
}

TEST_CASE("images that are read from files are held out too") {
  Dataset read = numbered(20);
  read.pixels = {};
  read.source = std::make_shared<Numbers>();
  const Split of_memory = hold_out(numbered(20), 5, 1), of_source = hold_out(read, 5, 1);
  CHECK(labels_of(of_source.test) == labels_of(of_memory.test));
  for (const Dataset* part : {&of_source.train, &of_source.test}) {
    const std::vector<std::int32_t> labels = labels_of(*part);
    const std::vector<double> images = images_of(*part);
    REQUIRE(images.size() == labels.size());
    for (std::size_t i = 0; i < images.size(); ++i) CHECK(std::lround(images[i]) == labels[i]);
  }
}

TEST_CASE("a part without images is an error") {
  CHECK_THROWS_WITH(hold_out(numbered(20), 0, 1), "hold_out: expected 1 to 19 images of spots to hold out, got 0");
  CHECK_THROWS_WITH(hold_out(numbered(20), 20, 1), "hold_out: expected 1 to 19 images of spots to hold out, got 20");
  CHECK_THROWS_WITH(hold_out(numbered(1), 1, 1),
                    "hold_out: expected 2 images of spots or more, to hold some out, got 1");
}
