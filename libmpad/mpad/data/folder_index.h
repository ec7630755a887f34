// SPDX-License-Identifier: MIT
// What is in a folder of images: one subdirectory for each class.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace mpad {

struct ImageFile {
  std::string name;
  std::int64_t bytes;
};

struct ImageClass {
  std::string name;
  std::int64_t changed;  ///< when a file of the directory came or went last, in ticks of the file system's clock
  std::vector<ImageFile> files;
};

/// Classes and files, sorted by name: those that end in .jpg, .jpeg or .png, in capitals or not; what begins with a dot
/// is left out. Throws Error, naming the directory, if it has no classes or one has no images.
///
/// Reading a large folder takes long, so the result is kept in $XDG_CACHE_HOME/mpad (or ~/.cache/mpad) and used again
/// while no file has come or gone: one that was written over in its place keeps the size that it had. Where there is no
/// such place, it is read each time.
std::vector<ImageClass> index_folder(const std::string& directory);

}  // namespace mpad
