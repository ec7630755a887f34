// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/core/parallel.h>
#include <mpad/data/image_loader.h>

#include <algorithm>

namespace mpad {

std::int64_t ImagePass::batches() const { return (std::ssize(order) + batch_size - 1) / batch_size; }

std::int64_t ImagePass::images_in(std::int64_t i) const {
  return std::min(batch_size, std::ssize(order) - i * batch_size);
}

Tensor ImagePass::empty_batch(std::int64_t i) const {
  const Shape s = source->shape();
  return Tensor({images_in(i), s[1], s[2], s[3]}, DType::u8);
}

void ImagePass::read(std::int64_t i, std::int64_t k, const Tensor& batch) const {
  const std::int32_t index = order[static_cast<std::size_t>(i * batch_size + k)];
  const std::int64_t image = batch.numel() / batch.shape()[0];
  source->read(index, augment, rng.split(static_cast<std::uint64_t>(index)),
               batch.span<std::uint8_t>().data() + k * image);
}

Tensor ImagePass::read_batch(std::int64_t i) const {
  const Tensor batch = empty_batch(i);
  parallel_for(images_in(i), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t k = begin; k < end; ++k) read(i, k, batch);
  });
  return batch;
}

ImageLoader::ImageLoader(std::shared_ptr<const ImagePass> pass, int workers) : pass_(std::move(pass)) {
  require(workers >= 0 && workers <= 1024, "image loader: expected 0 to 1024 workers, got {}", workers);
  fill_window();
  const int count = workers > 0 ? workers : num_threads();
  try {
    for (int i = 0; i < count; ++i) workers_.emplace_back([this] { work(); });
  } catch (const std::exception& error) {
    stop();
    fail("images: cannot start {} threads (--workers): {}", count, error.what());
  }
}

ImageLoader::~ImageLoader() { stop(); }

void ImageLoader::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  to_read_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

Tensor ImageLoader::batch(std::int64_t i) {
  std::unique_lock lock(mutex_);
  require(i >= first_ && i < pass_->batches(), "image loader: expected batch {} to {}, got {}", first_,
          pass_->batches() - 1, i);
  const auto wait = [&] { read_.wait(lock, [this] { return slots_.front().unread == 0; }); };
  for (wait(); first_ < i; wait()) {
    slots_.pop_front();
    ++first_;
    fill_window();
    to_read_.notify_all();
  }
  if (slots_.front().error) std::rethrow_exception(slots_.front().error);
  return slots_.front().images;
}

void ImageLoader::fill_window() {
  for (std::int64_t i = first_ + std::ssize(slots_); i < std::min(first_ + window, pass_->batches()); ++i)
    slots_.push_back({pass_->empty_batch(i), pass_->images_in(i)});
}

void ImageLoader::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    to_read_.wait(lock, [this] { return stopping_ || next_batch_ < first_ + std::ssize(slots_); });
    if (stopping_) return;
    read_next(lock);
  }
}

void ImageLoader::read_next(std::unique_lock<std::mutex>& lock) {
  const std::int64_t i = next_batch_, k = next_image_++;
  if (next_image_ == pass_->images_in(i)) {
    next_image_ = 0;
    ++next_batch_;
  }
  const Tensor images = slot(i).images;
  lock.unlock();
  std::exception_ptr error;
  try {
    pass_->read(i, k, images);
  } catch (...) {
    error = std::current_exception();
  }
  lock.lock();
  Slot& done = slot(i);
  if (error && (!done.error || k < done.failed)) {
    done.error = error;
    done.failed = k;
  }
  if (--done.unread == 0) read_.notify_all();
}

}  // namespace mpad
