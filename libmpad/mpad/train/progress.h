// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/data/dataset.h>
#include <mpad/train/results.h>

#include <chrono>
#include <cstdio>
#include <string>

namespace mpad {

/// Shows how far a training is, on a stream that the caller hands over: a bar that is redrawn, of the epoch or, where
/// several runs are at work at once, of all of them; or one line an epoch; before, a line says what it trains on. Its
/// functions are called one at a time.
class Progress {
 public:
  enum class Style : unsigned char { none, lines, bar };

  /// Without a stream.
  Progress() = default;
  Progress(std::FILE* out, Style style) : out_(out), style_(style) {}

  /// Before the first step: what the whole training is, and on what, which is shown.
  void start(const Settings& settings, const Split& data);
  /// A run continues behind this many epochs.
  void skip(std::int64_t epochs);
  void after_step(std::int64_t images);
  void after_epoch(const EpochResult& result);

 private:
  using Clock = std::chrono::steady_clock;
  void draw(Clock::time_point now);
  std::string epoch_text(Clock::time_point now) const;
  std::string text_of_all(Clock::time_point now) const;

  std::FILE* out_ = nullptr;
  Style style_ = Style::none;
  std::int64_t epochs_ = 0, runs_ = 0, images_per_epoch_ = 0;
  bool at_once_ = false;      // several runs
  std::int64_t done_ = 0;     // images of the whole training, the skipped ones included
  std::int64_t skipped_ = 0;  // images trained on by an earlier process
  Clock::time_point started_{}, epoch_started_{}, drawn_{};
};

}  // namespace mpad
