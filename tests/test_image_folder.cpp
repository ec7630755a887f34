// SPDX-License-Identifier: MIT
#include "image_support.h"
#include "training_support.h"

#include <mpad/data/image_folder.h>
#include <mpad/data/resample.h>

using namespace mpad;
using namespace mpad::test;

namespace {

void write_png(const TemporaryDirectory& directory, const std::string& name, const Image& image) {
  const std::string file =
      png(static_cast<std::uint32_t>(image.height), static_cast<std::uint32_t>(image.width), 3, image.pixels);
  directory.write(name, Bytes(file.begin(), file.end()));
}

Image flat(std::uint8_t level) { return {9, 12, Bytes(9 * 12 * 3, level)}; }

// Two classes to train on, one to test; the level of an image says which it is. Indices are kept there, too.
void write_folder(const TemporaryDirectory& directory, const std::string& test = "val") {
  setenv("XDG_CACHE_HOME", directory.path().c_str(), 1);
  write_png(directory, "train/dog/2.png", flat(120));
  write_png(directory, "train/cat/1.png", flat(20));
  write_png(directory, "train/cat/3.png", flat(40));
  write_png(directory, test + "/dog/9.png", flat(200));
}

// Bytes of a batch's images.
std::vector<double> bytes_of(const Dataset& dataset, const Tensor& images) {
  std::vector<double> values = images.values();
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = std::round((values[i] * dataset.deviation[i % 3] + dataset.mean[i % 3]) * 255);
  return values;
}

}  // namespace

TEST_CASE("classes are labelled in the order of their names, images follow by name") {
  for (const std::string part : {"val", "test"}) {
    const TemporaryDirectory directory;
    write_folder(directory, part);
    const Split split = load_image_folder(directory.path(), {.size = 5});
    CHECK(split.train.shape() == Shape{3, 5, 5, 3});
    CHECK(split.train.labels.values() == std::vector<double>{0, 0, 1});
    CHECK(split.test.labels.values() == std::vector<double>{1});
    CHECK(split.train.classes == 2);
    CHECK(split.test.classes == 2);
    const Batch batch = split.train.batches(3)[0];
    for (std::size_t i = 0; i < 3 * 75; ++i)
      REQUIRE(bytes_of(split.train, batch.images)[i] == std::vector<double>{20, 40, 120}[i / 75]);
    CHECK(bytes_of(split.test, split.test.batches(1)[0].images) == std::vector<double>(75, 200));
    CHECK(split.train.checksum != split.test.checksum);
    CHECK_NOTHROW(split.train.validate());
  }
}

TEST_CASE("training sees random parts, mirrored half of the time, and testing the middle") {
  const TemporaryDirectory directory;
  write_folder(directory);
  const Image image = rough_image(60, 80);
  write_png(directory, "train/cat/1.png", image);
  Split split = load_image_folder(directory.path(), {.size = 16});
  CHECK(split.train.augment == Augment{.flip = true, .resized_crop = true});
  CHECK(split.test.augment == Augment());
  Bytes middle(768);
  resize_middle(image, 16, false, middle.data());
  CHECK(bytes_of(split.train, split.train.batches(1)[0].images) == std::vector<double>(middle.begin(), middle.end()));

  // Which is what training sees without augmentation, and a mirror image of in half of all passes with flips alone.
  const auto first_image = [&](std::uint64_t seed) {
    Rng rng(seed);
    for (const auto& [images, labels] : split.train.first(1).batches(1, rng)) return bytes_of(split.train, images);
    return std::vector<double>();
  };
  split.train.augment = {.flip = true};
  Bytes mirrored(768);
  resize_middle(image, 16, true, mirrored.data());
  int turned = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const std::vector<double> seen = first_image(seed);
    const bool is_turned = seen == std::vector<double>(mirrored.begin(), mirrored.end());
    REQUIRE((is_turned || seen == std::vector<double>(middle.begin(), middle.end())));
    turned += is_turned ? 1 : 0;
  }
  CHECK(std::abs(turned - 50) <= 25);  // five standard deviations
  split.train.augment = {.flip = true, .resized_crop = true};
  CHECK(first_image(1) == first_image(1));
  CHECK(first_image(1) != first_image(2));
}

TEST_CASE("what is missing or damaged is an error that names it") {
  const TemporaryDirectory directory;
  CHECK_THROWS_WITH(load_image_folder("/nonexistent/data"),
                    "image folder: expected a directory, got '/nonexistent/data'");
  CHECK_THROWS_WITH(
      load_image_folder(directory.path()),
      fmt::format("image folder: expected train/ and val/ or test/ in {0}, got no {0}/train", directory.path()));
  write_folder(directory);
  CHECK_THROWS_WITH(load_image_folder(directory.path(), {.size = 0}),
                    "image folder: expected images of 1 to 4096 pixels, got 0");
  directory.write("train/dog/2.png", {'n', 'o'});
  const Split split = load_image_folder(directory.path(), {.size = 4});
  CHECK(error_of(directory, [&] {
          for (const Batch& batch : split.train.batches(2)) CHECK(batch.labels.numel() == 2);
        }) == "train/dog/2.png: expected a JPEG or PNG image, got: unknown image type");
  write_png(directory, "val/bird/1.png", flat(1));
  CHECK(error_of(directory, [&] { load_image_folder(directory.path()); }) ==
        "image folder: val: expected a class to train on, got 'bird'");
}

TEST_CASE("a trainer takes images of a folder as it takes others, with the same bits for any number of workers") {
  const TemporaryDirectory directory;
  write_folder(directory);
  Split split = load_image_folder(directory.path(), {.size = 4});
  const ModelFactory make_model = [](const Settings&) {
    return std::make_unique<Sequential>(Sequential{Flatten(), Linear({48, 2})});
  };
  const auto trained = [&](int workers) {
    split.train.workers = split.test.workers = workers;
    Trainer trainer({.lr = 0.01, .epochs = 3, .batch_size = 2}, 0, make_model, split);
    while (!trainer.finished()) trainer.run_epoch();
    return trainer;
  };
  const Trainer one = trained(1), four = trained(4);
  CHECK(same_state(one, four));
  CHECK(std::isfinite(one.results().back().train.loss));
}

TEST_CASE("samples of ImageNet are read as they are: gray, progressive, of any size") {
  const std::string root = real_data("imagenet-samples");
  if (root.empty()) return;
  const TemporaryDirectory cache;
  setenv("XDG_CACHE_HOME", cache.path().c_str(), 1);
  const Split split = load_image_folder(root + "/imagenet-samples", {.size = 32});
  CHECK(split.train.size() == 85);
  CHECK(split.test.size() == 20);
  CHECK(split.train.classes == 20);
  std::int64_t seen = 0;
  for (const Batch& batch : split.test.batches(8)) seen += batch.labels.numel();
  CHECK(seen == 20);
}
