// SPDX-License-Identifier: MIT
#pragma once

namespace mpad {

/// What is done at random to images that are trained on: to each in its own way, by seed, pass and index in the data
/// set, whatever the batch size, the number of threads or the device.
struct Augment {
  int crop_pad = 0;           ///< of images in memory: shift by up to so many pixels; what comes in has bytes of 0
  bool flip = false;          ///< mirror every other image left to right
  bool resized_crop = false;  ///< of images in files: a part of random size and shape, not the middle

  bool operator==(const Augment&) const = default;
};

/// What is usual for images of 32x32 pixels.
inline constexpr Augment crop_and_flip{.crop_pad = 4, .flip = true};

}  // namespace mpad
