// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/data/checksum.h>
#include <mpad/data/folder_index.h>
#include <mpad/data/image_folder.h>
#include <mpad/data/resample.h>
#include <mpad/train/atomic_file.h>

#include <algorithm>
#include <filesystem>

namespace mpad {
namespace {

namespace fs = std::filesystem;

class FolderSource final : public ImageSource {
 public:
  FolderSource(std::string directory, std::vector<std::string> files, std::int64_t size)
      : directory_(std::move(directory)), files_(std::move(files)), size_(size) {}

  Shape shape() const override { return {std::ssize(files_), size_, size_, 3}; }

  void read(std::int64_t index, const Augment& augment, Rng rng, std::uint8_t* pixels) const override {
    const std::string path = directory_ + "/" + files_[static_cast<std::size_t>(index)];
    const Image image = decode_image(read_file(path), path);
    const bool mirrored = rng.below(2) == 1 && augment.flip;
    if (augment.resized_crop)
      resize_box(image, random_box(image.height, image.width, rng), size_, mirrored, pixels);
    else
      resize_middle(image, size_, mirrored, pixels);
  }

 private:
  std::string directory_;
  std::vector<std::string> files_;  // CLASS/FILE
  std::int64_t size_;
};

using Names = std::vector<std::string>;

Names names_of(const std::vector<ImageClass>& classes) {
  Names names;
  for (const ImageClass& c : classes) names.push_back(c.name);
  return names;
}

Dataset make_part(const std::string& directory, const std::vector<ImageClass>& index, const Names& classes,
                  std::int64_t size) {
  std::vector<std::string> files;
  std::vector<std::int32_t> labels;
  Crc32 crc;
  for (const ImageClass& c : index) {
    const auto at = std::lower_bound(classes.begin(), classes.end(), c.name);
    require(at != classes.end() && *at == c.name, "image folder: {}: expected a class to train on, got '{}'", directory,
            c.name);
    for (const ImageFile& file : c.files) {
      labels.push_back(static_cast<std::int32_t>(at - classes.begin()));
      files.push_back(c.name + "/" + file.name);
      const std::string line = fmt::format("{} {}\n", files.back(), file.bytes);
      crc.update(line.data(), line.size());
    }
  }
  return {.name = "image-folder",
          .pixels = {},
          .labels = Tensor::from(labels, {std::ssize(labels)}),
          .classes = static_cast<int>(classes.size()),
          .mean = {.485, .456, .406},
          .deviation = {.229, .224, .225},
          .checksum = crc.hex(),
          .source = std::make_shared<FolderSource>(directory, std::move(files), size)};
}

}  // namespace

Split load_image_folder(const std::string& directory, const ImageFolderOptions& options) {
  require(options.size >= 1 && options.size <= 4096, "image folder: expected images of 1 to 4096 pixels, got {}",
          options.size);
  std::error_code ignored;
  require(fs::is_directory(directory, ignored), "image folder: expected a directory, got '{}'", directory);
  const std::string train = directory + "/train";
  const std::string test = directory + (fs::exists(directory + "/val", ignored) ? "/val" : "/test");
  for (const std::string& part : {train, test})
    require(fs::is_directory(part, ignored), "image folder: expected train/ and val/ or test/ in {}, got no {}",
            directory, part);
  const std::vector<ImageClass> index = index_folder(train);
  const Names classes = names_of(index);
  Split split{make_part(train, index, classes, options.size),
              make_part(test, index_folder(test), classes, options.size)};
  split.train.augment = {.flip = true, .resized_crop = true};
  return split;
}

}  // namespace mpad
