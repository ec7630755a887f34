// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/data/augment.h>
#include <mpad/data/image_source.h>
#include <mpad/random.h>
#include <mpad/tensor.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace mpad {

/// A mini-batch: images n,h,w,c of the data set's dtype, normalised, and labels i32 n.
struct Batch {
  Tensor images, labels;
};

class Batches;
class ImageLoader;
struct ImagePass;

/// Labelled images as bytes, in memory or read when they are needed, with what it takes to feed them to a network.
struct Dataset {
  std::string name;
  Tensor pixels;  ///< u8 N,h,w,c; none if there is a source
  Tensor labels;  ///< i32 N, in 0..classes-1
  int classes = 10;
  std::vector<double> mean, deviation;  ///< of pixel / 255, one for each channel; deviations above 0
  DType dtype = DType::f32;             ///< of the images in a batch
  std::string checksum{};  ///< CRC-32 of the files or images that it was made from, or what its reader says
  Augment augment{};       ///< of shuffled mini-batches
  std::shared_ptr<const ImageSource> source{};  ///< of the images that `labels` begins to label
  int workers = 0;                              ///< threads that read from it; 0: as many as compute

  /// N,h,w,c.
  Shape shape() const;
  std::int64_t size() const { return labels ? labels.numel() : 0; }
  /// Throws Error, naming the data set, unless its parts fit together as described above.
  void validate() const;
  /// The first `count` images (all if there are fewer); shares the data.
  Dataset first(std::int64_t count) const;
  /// The images at these indices, in this order: copies of those in memory, which has to be the host's; what a source
  /// makes it makes as before. Throws Error on an index that there is not.
  Dataset part(std::vector<std::int32_t> indices) const;
  /// The same images on a device, where their mini-batches are then made; images of a source move there when read.
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
  /// Both parts on a device, as Dataset::to.
  Split to(Device device) const { return {train.to(device), test.to(device)}; }
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

  /// The images' indices in the order of the pass (i32 N, on the data set's device).
  const Tensor& order() const { return order_; }
  /// What the pass augments by, as gather() takes it (u64 2, on the CPU).
  Tensor key() const;
  /// Fills a batch with images of a data set in memory, those that `indices` name (i32 n), augmented by a pass's key if
  /// passes over this data set are; both tensors are on the data set's device, and read when the images are made.
  void gather(const Tensor& indices, const Tensor& key, const Batch& batch) const;

  /// Goes forward once. Images of a source are read ahead by threads that live as long as the iterator.
  class Iterator {
   public:
    Iterator(const Batches& batches, std::int64_t i, std::shared_ptr<ImageLoader> loader)
        : batches_(&batches), i_(i), loader_(std::move(loader)) {}
    Batch operator*() const;
    Iterator& operator++() {
      ++i_;
      return *this;
    }
    bool operator==(const Iterator& other) const { return i_ == other.i_; }

   private:
    const Batches* batches_;
    std::int64_t i_;
    std::shared_ptr<ImageLoader> loader_;
  };
  Iterator begin() const;
  Iterator end() const { return {*this, size(), nullptr}; }

 private:
  Tensor indices(std::int64_t i) const;
  Batch make(const Tensor& indices, const Tensor& pixels) const;
  void gather_images(const Tensor& bytes, const Tensor& indices, const Tensor& key, const Tensor& images) const;
  void gather_labels(const Tensor& indices, const Tensor& labels) const;

  Dataset dataset_;
  std::int64_t batch_size_;
  std::optional<Rng> augmenting_;
  Tensor order_;
  Tensor table_;                             // c,256: what each byte of each channel becomes
  std::shared_ptr<const ImagePass> pass_{};  // of a source, whose mini-batches come read and in order:
  Tensor in_order_{};                        // 0, 1, ..., batch_size - 1
};

}  // namespace mpad
