// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/core/parallel.h>
#include <mpad/data/checksum.h>
#include <mpad/data/pen.h>
#include <mpad/data/synthetic.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace mpad {
namespace {

const Glyph& choose_glyph(int digit, Rng& rng) {
  const std::vector<Glyph>& hands = digit_glyphs()[static_cast<std::size_t>(digit)];
  return hands[rng.below(static_cast<std::uint32_t>(hands.size()))];
}

std::uint8_t to_byte(double value) { return static_cast<std::uint8_t>(std::clamp(value + 0.5, 0.0, 255.0)); }

// Calls f(i, deviation) for each of the count values of an image, with noise in -1..1, one random byte for each.
template <class F>
void with_noise(std::size_t count, Rng& rng, F&& f) {
  for (std::size_t i = 0; i < count; i += 4) {
    const std::uint32_t word = rng.word();
    for (std::size_t k = 0; k < 4; ++k) f(i + k, static_cast<double>(word >> (8 * k) & 0xff) / 127.5 - 1);
  }
}

struct Digits {
  static constexpr int side = 28, channels = 1;
  static constexpr const char* name = "synthetic";
  // The mean, and a deviation below the real one (0.3): larger inputs let LeNet learn sooner.
  static constexpr double mean = 0.15, deviation = 0.2;

  // White ink on black paper.
  static void draw(int digit, Rng rng, std::uint8_t* pixels) {
    const Glyph& glyph = choose_glyph(digit, rng);
    const Warp warp(rng, side);
    const Pen pen{.radius = between(rng, 1.2, 2), .edge = between(rng, 1, 1.8)};
    const double ink = between(rng, 0.8, 1), noise = between(rng, 0, 40);
    Canvas canvas(side);
    canvas.draw(glyph, warp, pen);
    with_noise(side * side, rng,
               [&](std::size_t i, double d) { pixels[i] = to_byte(255 * ink * canvas[i] + noise * d); });
  }
};

using Colour = std::array<double, 3>;

// Each channel uniform in the range.
Colour choose_colour(Rng& rng, double low, double high) {
  return {between(rng, low, high), between(rng, low, high), between(rng, low, high)};
}

// Stripes of two colours: a triangle wave along a direction.
class Paper {
 public:
  Paper(Rng& rng, double low, double high)
      : first_(choose_colour(rng, low, high)),
        second_(choose_colour(rng, low, high)),
        along_x_(between(rng, -0.15, 0.15)),
        along_y_(between(rng, -0.15, 0.15)),
        phase_(rng.uniform()) {}
  double at(int x, int y, std::size_t channel) const {
    const double position = phase_ + along_x_ * x + along_y_ * y;
    const double mix = std::abs(2 * (position - std::floor(position)) - 1);
    return mix * first_[channel] + (1 - mix) * second_[channel];
  }

 private:
  Colour first_, second_;
  double along_x_, along_y_, phase_;
};

struct Colours {
  static constexpr int side = 32, channels = 3;
  static constexpr const char* name = "synthetic-colours";
  static constexpr double mean = 0.5, deviation = 0.25;

  // Light ink on dark striped paper, or dark ink on light.
  static void draw(int digit, Rng rng, std::uint8_t* pixels) {
    const Glyph& glyph = choose_glyph(digit, rng);
    const Warp warp(rng, side);
    const Pen pen{.radius = between(rng, 1.5, 2.5), .edge = between(rng, 1, 1.8)};
    const bool light = rng.below(2) == 0;
    const Paper paper = light ? Paper(rng, 0, 0.45) : Paper(rng, 0.55, 1);
    const Colour ink = light ? choose_colour(rng, 0.6, 1) : choose_colour(rng, 0, 0.4);
    const double noise = between(rng, 0, 30);
    Canvas canvas(side);
    canvas.draw(glyph, warp, pen);
    with_noise(side * side * channels, rng, [&](std::size_t i, double d) {
      const std::size_t pixel = i / channels, channel = i % channels;
      const int x = static_cast<int>(pixel % side), y = static_cast<int>(pixel / side);
      const double covered = canvas[pixel];
      pixels[i] = to_byte(255 * (covered * ink[channel] + (1 - covered) * paper.at(x, y, channel)) + noise * d);
    });
  }
};

template <class Kind>
Dataset draw_part(std::int64_t count, const Rng& rng) {
  constexpr std::int64_t image_size = Kind::side * Kind::side * Kind::channels;
  static_assert(image_size % 4 == 0);
  Dataset part{.name = Kind::name,
               .pixels = Tensor({count, Kind::side, Kind::side, Kind::channels}, DType::u8),
               .labels = Tensor({count}, DType::i32),
               .classes = 10,
               .mean = std::vector<double>(Kind::channels, Kind::mean),
               .deviation = std::vector<double>(Kind::channels, Kind::deviation)};
  const auto pixels = part.pixels.span<std::uint8_t>();
  const auto labels = part.labels.span<std::int32_t>();
  parallel_for(count, 64, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const int digit = static_cast<int>(i % 10);
      labels[static_cast<std::size_t>(i)] = digit;
      Kind::draw(digit, rng.split(static_cast<std::uint64_t>(i)), &pixels[static_cast<std::size_t>(i * image_size)]);
    }
  });
  Crc32 crc;
  crc.update(pixels.data(), pixels.size());
  part.checksum = crc.hex();
  return part;
}

template <class Kind>
Split draw_split(const char* what, std::int64_t train, std::int64_t test, std::uint64_t seed) {
  require(train > 0 && test > 0, "{}: expected 1 image or more in each part, got {} and {}", what, train, test);
  const Rng rng(seed);
  return {draw_part<Kind>(train, rng.split(1)), draw_part<Kind>(test, rng.split(2))};
}

}  // namespace

Split synthetic_digits(std::int64_t train, std::int64_t test, std::uint64_t seed) {
  return draw_split<Digits>("synthetic digits", train, test, seed);
}

Split synthetic_colours(std::int64_t train, std::int64_t test, std::uint64_t seed) {
  return draw_split<Colours>("synthetic colours", train, test, seed);
}

}  // namespace mpad
