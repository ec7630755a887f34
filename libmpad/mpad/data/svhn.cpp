// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/core/parallel.h>
#include <mpad/data/checksum.h>
#include <mpad/data/find_file.h>
#include <mpad/data/mat.h>
#include <mpad/data/svhn.h>

#include <fmt/ranges.h>

#include <algorithm>
#include <array>

namespace mpad {
namespace {

// Images N,h,w,c in the place of the column-major h,w,c,N, where each image is contiguous too.
Tensor images_of(const MatArray& array, const std::string& path) {
  constexpr std::int64_t side = 32, image = 3 * side * side;
  const std::vector<std::int64_t>& e = array.extents;
  require(e.size() == 4 && e[0] == side && e[1] == side && e[2] == 3 && array.values.dtype() == DType::u8,
          "svhn: {}: expected X of 32x32x3xN bytes, got {} of {}", path, fmt::join(e, "x"), array.values.dtype());
  std::uint8_t* bytes = array.values.span<std::uint8_t>().data();
  parallel_for(e[3], 64, [&](std::int64_t begin, std::int64_t end) {
    std::array<std::uint8_t, image> columns;
    for (std::uint8_t* to = bytes + begin * image; to < bytes + end * image;) {
      std::copy_n(to, image, columns.begin());
      for (std::int64_t y = 0; y < side; ++y)
        for (std::int64_t x = 0; x < side; ++x)
          for (std::int64_t c = 0; c < 3; ++c) *to++ = columns[static_cast<std::size_t>((c * side + x) * side + y)];
    }
  });
  return array.values.reshaped({e[3], side, side, 3});
}

Tensor labels_of(const MatArray& array, const std::string& path, std::int64_t count) {
  const std::vector<std::int64_t>& e = array.extents;
  require(e.size() == 2 && std::min(e[0], e[1]) == 1 && std::max(e[0], e[1]) == count,
          "svhn: {}: expected y with a label for each of {} images, got {}", path, count, fmt::join(e, "x"));
  std::vector<std::int32_t> labels;
  for (const double label : array.values.values()) {
    const bool is_digit = label >= 1 && label <= 10 && label == static_cast<int>(label);
    require(is_digit, "svhn: {}: expected labels in 1..10, got {}", path, label);
    labels.push_back(static_cast<std::int32_t>(label) % 10);
  }
  return Tensor::from(labels, {count});
}

}  // namespace

Dataset read_svhn(const std::string& path) {
  const Tensor pixels = images_of(read_mat_array(path, "X"), path);
  const Tensor labels = labels_of(read_mat_array(path, "y"), path, pixels.shape()[0]);
  Crc32 crc;
  for (const Tensor& part : {pixels, labels}) crc.update(part.view().data, part.bytes());
  return {.name = "svhn",
          .pixels = pixels,
          .labels = labels,
          .classes = 10,
          .mean = {.5, .5, .5},
          .deviation = {.5, .5, .5},
          .checksum = crc.hex()};
}

Split load_svhn(const std::string& directory) {
  const DataPlaces places = data_places("svhn", directory, {"svhn"});
  return {read_svhn(find_file(places, {"train_32x32.mat"})), read_svhn(find_file(places, {"test_32x32.mat"}))};
}

}  // namespace mpad
