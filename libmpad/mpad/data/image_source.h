// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/core/types.h>
#include <mpad/data/augment.h>
#include <mpad/random.h>

namespace mpad {

/// Images of one size that are made when they are asked for.
class ImageSource {
 public:
  virtual ~ImageSource() = default;
  /// N,h,w,c.
  virtual Shape shape() const = 0;
  /// Writes the bytes h,w,c of image `index`, augmented by what it draws from `rng`; the same for equal arguments. Any
  /// number of threads may call it.
  virtual void read(std::int64_t index, const Augment& augment, Rng rng, std::uint8_t* pixels) const = 0;
};

}  // namespace mpad
