// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/data/image_source.h>
#include <mpad/tensor.h>

#include <condition_variable>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace mpad {

/// One pass over images of a source, in mini-batches.
struct ImagePass {
  std::shared_ptr<const ImageSource> source;
  std::vector<std::int32_t> order;
  std::int64_t batch_size;
  Augment augment;
  Rng rng;  ///< image i is drawn from its child i

  std::int64_t batches() const;
  /// Images of mini-batch i.
  std::int64_t images_in(std::int64_t i) const;
  /// A mini-batch that is not read yet: u8 n,h,w,c.
  Tensor empty_batch(std::int64_t i) const;
  /// Reads image k of mini-batch i into its place.
  void read(std::int64_t i, std::int64_t k, const Tensor& batch) const;
  /// Mini-batch i, read by the thread pool.
  Tensor read_batch(std::int64_t i) const;
};

/// Reads the mini-batches of a pass by threads of its own, before they are asked for.
class ImageLoader {
 public:
  /// Mini-batches that are in memory at most, the one last asked for included.
  static constexpr std::int64_t window = 3;

  /// Throws Error if the number of workers is out of range, or the system has no more threads.
  ImageLoader(std::shared_ptr<const ImagePass> pass, int workers);
  /// Waits for the images that are being read.
  ~ImageLoader();
  ImageLoader(const ImageLoader&) = delete;
  ImageLoader& operator=(const ImageLoader&) = delete;

  /// Mini-batch i, the one last asked for or a later one. Throws what reading its images threw, for the first of them
  /// that failed.
  Tensor batch(std::int64_t i);

 private:
  struct Slot {
    Tensor images;
    std::int64_t unread;
    std::int64_t failed = 0;  // image of the error
    std::exception_ptr error{};
  };
  void work();
  void stop();
  void read_next(std::unique_lock<std::mutex>& lock);
  void fill_window();
  Slot& slot(std::int64_t i) { return slots_[static_cast<std::size_t>(i - first_)]; }

  std::shared_ptr<const ImagePass> pass_;
  std::mutex mutex_{};
  std::condition_variable to_read_{}, read_{};
  std::deque<Slot> slots_{};  // mini-batches first_, first_ + 1, ...
  std::int64_t first_ = 0, next_batch_ = 0, next_image_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> workers_{};
};

}  // namespace mpad
