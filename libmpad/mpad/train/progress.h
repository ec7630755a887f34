// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/train/results.h>

#include <chrono>
#include <cstdio>

namespace mpad {

/// Shows how far a training is, on a stream that the caller hands over: a bar that is redrawn, or one line an epoch.
class Progress {
 public:
  enum class Style : unsigned char { none, lines, bar };

  /// Without a stream.
  Progress() = default;
  Progress(std::FILE* out, Style style) : out_(out), style_(style) {}

  /// Before the first step: what the whole training is, and how many images of it are done already.
  void start(const Settings& settings, std::int64_t images_per_epoch);
  /// A run continues behind this many epochs.
  void skip(std::int64_t epochs);
  void after_step(std::int64_t images);
  void after_epoch(const EpochResult& result);

 private:
  using Clock = std::chrono::steady_clock;
  void draw(Clock::time_point now);

  std::FILE* out_ = nullptr;
  Style style_ = Style::none;
  std::int64_t epochs_ = 0, runs_ = 0, images_per_epoch_ = 0;
  std::int64_t done_ = 0;     // images of the whole training, the skipped ones included
  std::int64_t skipped_ = 0;  // images trained on by an earlier process
  Clock::time_point started_{}, epoch_started_{}, drawn_{};
};

}  // namespace mpad
