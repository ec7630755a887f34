// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/train/progress.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

namespace mpad {
namespace {

constexpr std::int64_t bar_width = 24;
constexpr auto redraw_interval = std::chrono::milliseconds(100);

double seconds(std::chrono::steady_clock::duration duration) { return std::chrono::duration<double>(duration).count(); }

// A NaN without its sign, which carries nothing.
double shown(double loss) { return std::isnan(loss) ? std::numeric_limits<double>::quiet_NaN() : loss; }

std::string clock_text(double seconds) {
  const auto total = static_cast<std::int64_t>(seconds + 0.5);
  if (total < 3600) return fmt::format("{}:{:02}", total / 60, total % 60);
  return fmt::format("{}:{:02}:{:02}", total / 3600, total / 60 % 60, total % 60);
}

std::string bar(std::int64_t done, std::int64_t total) {
  const auto filled = static_cast<std::size_t>(bar_width * done / std::max<std::int64_t>(1, total));
  return std::string(filled, '#') + std::string(static_cast<std::size_t>(bar_width) - filled, '.');
}

}  // namespace

void Progress::start(const Settings& settings, const Split& data) {
  epochs_ = settings.epochs;
  runs_ = settings.runs;
  at_once_ = std::min(settings.parallel, settings.runs) > 1;
  images_per_epoch_ = data.train.size();
  started_ = epoch_started_ = Clock::now();
  if (style_ == Style::none) return;
  const std::string line =
      fmt::format("{}: {} training and {} test images\n", data.train.name, data.train.size(), data.test.size());
  std::fputs(line.c_str(), out_);
  std::fflush(out_);
}

void Progress::skip(std::int64_t epochs) {
  skipped_ += epochs * images_per_epoch_;
  done_ += epochs * images_per_epoch_;
}

void Progress::after_step(std::int64_t images) {
  done_ += images;
  if (style_ != Style::bar) return;
  const Clock::time_point now = Clock::now();
  if (now - drawn_ < redraw_interval) return;
  draw(now);
  drawn_ = now;
}

void Progress::draw(Clock::time_point now) {
  const double total = static_cast<double>(runs_ * epochs_) * static_cast<double>(images_per_epoch_);
  const double left =
      (total - static_cast<double>(done_)) / static_cast<double>(done_ - skipped_) * seconds(now - started_);
  const std::string line =
      fmt::format("\r\x1b[K{}, {} left", at_once_ ? text_of_all(now) : epoch_text(now), clock_text(left));
  std::fputs(line.c_str(), out_);
  std::fflush(out_);
}

std::string Progress::epoch_text(Clock::time_point now) const {
  const std::int64_t epoch = (done_ - 1) / images_per_epoch_, images = done_ - epoch * images_per_epoch_;
  const double rate = static_cast<double>(images) / seconds(now - epoch_started_);
  const std::string run = runs_ > 1 ? fmt::format("run {}/{}, ", epoch / epochs_ + 1, runs_) : "";
  return fmt::format("{}epoch {}/{} [{}] {:.0f} images/s", run, epoch % epochs_ + 1, epochs_,
                     bar(images, images_per_epoch_), rate);
}

std::string Progress::text_of_all(Clock::time_point now) const {
  const std::int64_t total = runs_ * epochs_;
  const double rate = static_cast<double>(done_ - skipped_) / seconds(now - started_);
  return fmt::format("{} runs, epochs {}/{} [{}] {:.0f} images/s", runs_, done_ / images_per_epoch_, total,
                     bar(done_, total * images_per_epoch_), rate);
}

void Progress::after_epoch(const EpochResult& r) {
  epoch_started_ = Clock::now();
  if (!r.collapsed.empty()) {  // the rest of the run is left out
    const std::int64_t rest = (epochs_ - r.epoch) * images_per_epoch_ - r.images;
    skipped_ += rest;
    done_ += rest;
  }
  if (style_ == Style::none) return;
  const std::string run = runs_ > 1 ? fmt::format("run {}/{}, ", r.run + 1, runs_) : "";
  const std::string line = fmt::format(
      "{}{}epoch {}/{}: train loss {:.4f}, accuracy {:.2f} %; test loss {:.4f}, accuracy {:.2f} %; {:.0f} images/s{}\n",
      style_ == Style::bar ? "\r\x1b[K" : "", run, r.epoch + 1, epochs_, shown(r.train.loss), 100 * r.train.accuracy,
      shown(r.test.loss), 100 * r.test.accuracy, static_cast<double>(r.images) / r.train_seconds,
      r.collapsed.empty() ? "" : "; collapsed in " + r.collapsed);
  std::fputs(line.c_str(), out_);
  std::fflush(out_);
}

}  // namespace mpad
