// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/random.h>
#include <mpad/tensor.h>

#include <string>
#include <vector>

namespace mpad {

/// A mini-batch: images n,h,w,c of the data set's dtype, normalised, and labels i32 n.
struct Batch {
  Tensor images, labels;
};

class Batches;

/// Labelled images in memory as bytes, with what it takes to feed them to a network.
struct Dataset {
  std::string name;
  Tensor pixels;  ///< u8 N,h,w,c
  Tensor labels;  ///< i32 N, in 0..classes-1
  int classes = 10;
  std::vector<double> mean, deviation;  ///< of pixel / 255, one for each channel; deviations above 0
  DType dtype = DType::f32;             ///< of the images in a batch
  std::string checksum{};               ///< CRC-32 of the files or images that it was made from

  std::int64_t size() const { return pixels ? pixels.shape()[0] : 0; }
  /// Throws Error, naming the data set, unless its parts fit together as described above.
  void validate() const;
  /// The first `count` images (all if there are fewer); shares the data.
  Dataset first(std::int64_t count) const;
  /// The same images on a device, where their mini-batches are then made.
  Dataset to(Device device) const;

  /// Mini-batches in order; the last may be smaller.
  Batches batches(std::int64_t batch_size) const;
  /// The same, shuffled by a permutation drawn from `rng` (Fisher and Yates).
  Batches batches(std::int64_t batch_size, Rng& rng) const;
};

/// The part to learn from and the part to judge by.
struct Split {
  Dataset train, test;
};

/// A range over the mini-batches of one pass.
class Batches {
 public:
  /// Takes the images in the order of the indices given. Throws Error on a data set that is not valid.
  Batches(const Dataset& dataset, std::int64_t batch_size, std::vector<std::int32_t> order);
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
  Tensor order_;
  Tensor table_;  // c,256: what each byte of each channel becomes
};

}  // namespace mpad
