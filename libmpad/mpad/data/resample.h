// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/data/image.h>
#include <mpad/random.h>

#include <cstdint>

namespace mpad {

/// One axis of a resampling: output i is the mean of input pixels around begin + (i + 1/2) * step, weighted by a
/// triangle whose half base is the larger of step and 1 (bilinear when enlarging, antialiased when reducing: Pillow's
/// BILINEAR), cut at low and high.
struct ResampleAxis {
  double begin, step;
  std::int64_t count;      ///< of outputs
  std::int64_t low, high;  ///< inputs that may be used, high excluded
};

/// Part of an image at another size: rows, then columns, in float, rounded once, at the end, into `pixels` of
/// rows.count,columns.count,3. `mirrored` swaps left and right.
void resample(const Image& image, const ResampleAxis& rows, const ResampleAxis& columns, bool mirrored,
              std::uint8_t* pixels);

/// A part of an image, in pixels.
struct Box {
  std::int64_t top, left, height, width;
};

/// A box at random, as torchvision's RandomResizedCrop draws it: an area of 8 to 100 % of the image's, a ratio of width
/// to height of 3/4 to 4/3, uniform on a logarithmic scale; after ten that do not fit, the largest in the middle whose
/// ratio is nearest.
Box random_box(std::int64_t height, std::int64_t width, Rng& rng);

/// The box at size x size; no pixel beside it counts.
void resize_box(const Image& image, const Box& box, std::int64_t size, bool mirrored, std::uint8_t* pixels);

/// The middle of the image whose shorter side is resized to 8/7 of size (256 for 224), size x size.
void resize_middle(const Image& image, std::int64_t size, bool mirrored, std::uint8_t* pixels);

}  // namespace mpad
