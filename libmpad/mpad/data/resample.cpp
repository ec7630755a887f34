// SPDX-License-Identifier: MIT
#include <mpad/data/resample.h>

#include <algorithm>
#include <cmath>

namespace mpad {
namespace {

constexpr std::int64_t channels = 3;

// The inputs of one output and their weights, whose sum is 1.
struct Taps {
  std::int64_t first;
  std::vector<float> weights;
};

std::vector<Taps> make_taps(const ResampleAxis& axis) {
  const double reach = std::max(axis.step, 1.0);
  std::vector<Taps> outputs;
  for (std::int64_t i = 0; i < axis.count; ++i) {
    const double centre = axis.begin + (static_cast<double>(i) + 0.5) * axis.step;
    const auto first = std::clamp(std::llround(std::floor(centre - reach + 0.5)), static_cast<long long>(axis.low),
                                  static_cast<long long>(axis.high - 1));
    const auto last =
        std::clamp(std::llround(std::floor(centre + reach + 0.5)), first + 1, static_cast<long long>(axis.high));
    std::vector<double> weights;
    double sum = 0;
    for (long long at = first; at < last; ++at) {
      const double distance = std::abs(static_cast<double>(at) + 0.5 - centre) / reach;
      sum += weights.emplace_back(std::max(0.0, 1 - distance));
    }
    Taps taps{first, {}};
    for (const double weight : weights) taps.weights.push_back(static_cast<float>(sum > 0 ? weight / sum : 1));
    outputs.push_back(std::move(taps));
  }
  return outputs;
}

// One row of the input, resampled along itself.
void resample_row(const std::uint8_t* row, const std::vector<Taps>& columns, float* out) {
  for (const Taps& taps : columns) {
    const std::uint8_t* pixel = row + taps.first * channels;
    float red = 0, green = 0, blue = 0;
    for (const float weight : taps.weights) {
      red += weight * pixel[0];
      green += weight * pixel[1];
      blue += weight * pixel[2];
      pixel += channels;
    }
    *out++ = red;
    *out++ = green;
    *out++ = blue;
  }
}

std::uint8_t to_byte(float value) { return static_cast<std::uint8_t>(std::clamp(value + 0.5f, 0.0f, 255.0f)); }

}  // namespace

void resample(const Image& image, const ResampleAxis& rows, const ResampleAxis& columns, bool mirrored,
              std::uint8_t* pixels) {
  const std::vector<Taps> down = make_taps(rows), across = make_taps(columns);
  const std::int64_t first = down.front().first;
  const std::int64_t last = down.back().first + std::ssize(down.back().weights);
  const std::int64_t width = columns.count * channels;
  std::vector<float> narrowed(static_cast<std::size_t>((last - first) * width)), sums(static_cast<std::size_t>(width));
  for (std::int64_t row = first; row < last; ++row)
    resample_row(&image.pixels[static_cast<std::size_t>(row * image.width * channels)], across,
                 &narrowed[static_cast<std::size_t>((row - first) * width)]);
  for (const Taps& taps : down) {
    std::fill(sums.begin(), sums.end(), 0.0f);
    const float* from = &narrowed[static_cast<std::size_t>((taps.first - first) * width)];
    for (const float weight : taps.weights)
      for (float& sum : sums) sum += weight * *from++;
    for (std::int64_t column = 0; column < columns.count; ++column) {
      const std::int64_t source = mirrored ? columns.count - 1 - column : column;
      for (std::int64_t c = 0; c < channels; ++c)
        *pixels++ = to_byte(sums[static_cast<std::size_t>(source * channels + c)]);
    }
  }
}

Box random_box(std::int64_t height, std::int64_t width, Rng& rng) {
  constexpr double least_ratio = 3.0 / 4, most_ratio = 4.0 / 3;
  const auto area = static_cast<double>(height * width);
  for (int attempt = 0; attempt < 10; ++attempt) {
    const double wanted = area * (0.08 + (1 - 0.08) * rng.uniform());
    const double ratio = std::exp(std::log(least_ratio) + std::log(most_ratio / least_ratio) * rng.uniform());
    const std::int64_t w = std::llround(std::sqrt(wanted * ratio)), h = std::llround(std::sqrt(wanted / ratio));
    if (w < 1 || h < 1 || w > width || h > height) continue;
    const std::int64_t top = rng.below(static_cast<std::uint32_t>(height - h + 1));
    return {top, rng.below(static_cast<std::uint32_t>(width - w + 1)), h, w};
  }
  const double ratio = static_cast<double>(width) / static_cast<double>(height);
  Box box{0, 0, height, width};
  if (ratio < least_ratio) box.height = std::llround(static_cast<double>(width) / least_ratio);
  if (ratio > most_ratio) box.width = std::llround(static_cast<double>(height) * most_ratio);
  return {(height - box.height) / 2, (width - box.width) / 2, box.height, box.width};
}

void resize_box(const Image& image, const Box& box, std::int64_t size, bool mirrored, std::uint8_t* pixels) {
  const auto axis = [size](std::int64_t begin, std::int64_t length) {
    const double step = static_cast<double>(length) / static_cast<double>(size);
    return ResampleAxis{static_cast<double>(begin), step, size, begin, begin + length};
  };
  resample(image, axis(box.top, box.height), axis(box.left, box.width), mirrored, pixels);
}

void resize_middle(const Image& image, std::int64_t size, bool mirrored, std::uint8_t* pixels) {
  const std::int64_t shorter = std::min(image.height, image.width);
  const std::int64_t resized = (size * 256 + 112) / 224;  // of the shorter side
  const auto axis = [=](std::int64_t length) {
    const std::int64_t whole = resized * length / shorter;
    const double offset = std::nearbyint(static_cast<double>(whole - size) / 2);  // ties to even, as torchvision's
    const double step = static_cast<double>(length) / static_cast<double>(whole);
    return ResampleAxis{offset * step, step, size, 0, length};
  };
  resample(image, axis(image.height), axis(image.width), mirrored, pixels);
}

}  // namespace mpad
