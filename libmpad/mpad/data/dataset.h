// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/random.h>
#include <mpad/tensor.h>

#include <optional>
#include <string>
#include <vector>

namespace mpad {

/// A mini-batch: images n,h,w,c of the data set's dtype, normalised, and labels i32 n.
struct Batch {
  Tensor images, labels;
};

class Batches;

/// What is done at random to images that are trained on: to each in its own way, by seed, pass and index in the data
/// set, whatever the batch size, the number of threads or the device.
struct Augment {
  int crop_pad = 0;   ///< shift by up to so many pixels either way; what comes in has bytes of 0
  bool flip = false;  ///< mirror every other image left to right

  bool operator==(const Augment&) const = default;
};

/// Labelled images in memory as bytes, with what it takes to feed them to a network.
struct Dataset {
  std::string name;
  Tensor pixels;  ///< u8 N,h,w,c
  Tensor labels;  ///< i32 N, in 0..classes-1
  int classes = 10;
  std::vector<double> mean, deviation;  ///< of pixel / 255, one for each channel; deviations above 0
  DType dtype = DType::f32;             ///< of the images in a batch
  std::string checksum{};               ///< CRC-32 of the files or images that it was made from
  Augment augment{};                    ///< of shuffled mini-batches

  std::int64_t size() const { return pixels ? pixels.shape()[0] : 0; }
  /// Throws Error, naming the data set, unless its parts fit together as described above.
  void validate() const;
  /// The first `count` images (all if there are fewer); shares the data.
  Dataset first(std::int64_t count) const;
  /// The same images on a device, where their mini-batches are then made.
  Dataset to(Device device) const;

  /// Mini-batches in order, of the images as they are; the last may be smaller.
  Batches batches(std::int64_t batch_size) const;
  /// Mini-batches to train on: shuffled by a permutation drawn from `rng` (Fisher and Yates), augmented by a stream of
  /// their own that follows from its seed, stream and position.
  Batches batches(std::int64_t batch_size, Rng& rng) const;
};

/// The part to learn from and the part to judge by.
struct Split {
  Dataset train, test;
};

/// A range over the mini-batches of one pass.
class Batches {
 public:
  /// Takes the images in the order of the indices given, augmented if there is a stream to draw from. Throws Error on a
  /// data set that is not valid.
  Batches(const Dataset& dataset, std::int64_t batch_size, std::vector<std::int32_t> order,
          const std::optional<Rng>& augmenting = {});
  std::int64_t size() const;
  Batch operator[](std::int64_t i) const;

  class Iterator {
   public:
    Iterator(const Batches& batches, std::int64_t i) : batches_(&batches), i_(i) {}
    Batch operator*() const { return (*batches_)[i_]; }
    Iterator& operator++() {
      ++i_;
      return *this;
    }
    bool operator==(const Iterator& other) const { return i_ == other.i_; }

   private:
    const Batches* batches_;
    std::int64_t i_;
  };
  Iterator begin() const { return {*this, 0}; }
  Iterator end() const { return {*this, size()}; }

 private:
  Dataset dataset_;
  std::int64_t batch_size_;
  std::optional<Rng> augmenting_;
  Tensor order_;
  Tensor table_;  // c,256: what each byte of each channel becomes
};

}  // namespace mpad
