// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/data/dataset.h>

#include <string>

namespace mpad {

/// How the files of an image folder become images of one size.
struct ImageFolderOptions {
  std::int64_t size = 224;  ///< pixels, of both sides
};

/// Images in `directory`/train/CLASS and `directory`/val/CLASS (or test/CLASS): JPEG and PNG (data/image.h says which),
/// read when they are needed. Classes count up in the order of their names, and those of val are some of train's. Mean
/// and deviation are ImageNet's. Training takes resized crops and mirror images (`augment` says so, and may say
/// otherwise); everything else the middle of the image (data/resample.h). The checksum of each part covers the classes
/// and the names and sizes of files, as index_folder has them, not what is in them: to read that takes as long as an
/// epoch. Throws Error if a directory is missing or has no images; a file that is damaged is an Error, naming it, when
/// it is read.
Split load_image_folder(const std::string& directory, const ImageFolderOptions& options = {});

}  // namespace mpad
