// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/core/parallel.h>
#include <mpad/data/checksum.h>
#include <mpad/data/glyphs.h>
#include <mpad/data/synthetic.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace mpad {
namespace {

constexpr int side = 28, image_size = side * side;
constexpr double box = 19;  // height of an unscaled digit in pixels

double between(Rng& rng, double low, double high) { return low + (high - low) * rng.uniform(); }

// From the unit box of a glyph to pixels: a smooth bend, then an affine map about the centre.
class Warp {
 public:
  explicit Warp(Rng& rng) {
    for (Point& knot : bend_) knot = {between(rng, -0.06, 0.06), between(rng, -0.06, 0.06)};
    const double height = box * between(rng, 0.8, 1.05), width = height * between(rng, 0.7, 1.05);
    const double shear = between(rng, -0.2, 0.2);
    // The rotation with tan(angle / 2) = t needs no trigonometric function, whose last bit differs between libraries.
    const double t = between(rng, -0.1, 0.1), cosine = (1 - t * t) / (1 + t * t), sine = 2 * t / (1 + t * t);
    xx_ = cosine * width;
    xy_ = (cosine * shear - sine) * height;
    yx_ = sine * width;
    yy_ = (sine * shear + cosine) * height;
    shift_ = {between(rng, -2.5, 2.5), between(rng, -2.5, 2.5)};
  }

  Point operator()(Point p) const {
    const Point bend = bend_at(p);
    const double x = p.x + bend.x - 0.5, y = p.y + bend.y - 0.5;
    return {(side - 1) / 2.0 + xx_ * x + xy_ * y + shift_.x, (side - 1) / 2.0 + yx_ * x + yy_ * y + shift_.y};
  }

 private:
  // Bilinear between 3x3 knots over the unit box, so that strokes that meet still do.
  Point bend_at(Point p) const {
    const double x = 2 * std::clamp(p.x, 0.0, 1.0), y = 2 * std::clamp(p.y, 0.0, 1.0);
    const int i = x < 1 ? 0 : 1, j = y < 1 ? 0 : 1;
    const double u = x - i, v = y - j;
    const Point *a = &bend_[static_cast<std::size_t>(3 * j + i)], *b = a + 3;
    return {(1 - v) * ((1 - u) * a[0].x + u * a[1].x) + v * ((1 - u) * b[0].x + u * b[1].x),
            (1 - v) * ((1 - u) * a[0].y + u * a[1].y) + v * ((1 - u) * b[0].y + u * b[1].y)};
  }

  std::array<Point, 9> bend_{};
  double xx_, xy_, yx_, yy_;
  Point shift_{};
};

struct Pen {
  double radius, edge;  // pixels: half the stroke's width, and the width of its soft edge

  double coverage(double distance) const { return std::clamp((radius - distance) / edge + 0.5, 0.0, 1.0); }
};

double distance_to_segment(Point p, Point a, Point b) {
  const double dx = b.x - a.x, dy = b.y - a.y, length2 = dx * dx + dy * dy;
  const double along = length2 > 0 ? std::clamp(((p.x - a.x) * dx + (p.y - a.y) * dy) / length2, 0.0, 1.0) : 0;
  const double ex = a.x + along * dx - p.x, ey = a.y + along * dy - p.y;
  return std::sqrt(ex * ex + ey * ey);
}

using Canvas = std::array<double, image_size>;  // coverage, 0 to 1

// The pixels that [low, high] touches, as a half-open range clipped to the canvas.
std::pair<int, int> pixels_between(double low, double high) {
  return {static_cast<int>(std::clamp(std::floor(low), 0.0, double{side})),
          static_cast<int>(std::clamp(std::ceil(high) + 1, 0.0, double{side}))};
}

void draw_segment(Canvas& canvas, Point a, Point b, const Pen& pen) {
  const double reach = pen.radius + pen.edge / 2;
  const auto [left, right] = pixels_between(std::min(a.x, b.x) - reach, std::max(a.x, b.x) + reach);
  const auto [top, bottom] = pixels_between(std::min(a.y, b.y) - reach, std::max(a.y, b.y) + reach);
  for (int y = top; y < bottom; ++y)
    for (int x = left; x < right; ++x) {
      double& pixel = canvas[static_cast<std::size_t>(side * y + x)];
      pixel = std::max(pixel, pen.coverage(distance_to_segment({double(x), double(y)}, a, b)));
    }
}

void draw_glyph(Canvas& canvas, const Glyph& glyph, const Warp& warp, const Pen& pen) {
  for (const Stroke& stroke : glyph) {
    std::vector<Point> path = flatten_stroke(stroke);
    std::transform(path.begin(), path.end(), path.begin(), warp);
    for (std::size_t i = 1; i < path.size(); ++i) draw_segment(canvas, path[i - 1], path[i], pen);
  }
}

// Ink on paper with uniform noise, one random byte for each pixel.
void develop(const Canvas& canvas, double ink, double noise, Rng& rng, std::uint8_t* pixels) {
  static_assert(image_size % 4 == 0);
  for (std::size_t i = 0; i < image_size; i += 4) {
    const std::uint32_t word = rng.word();
    for (std::size_t k = 0; k < 4; ++k) {
      const double deviation = static_cast<double>(word >> (8 * k) & 0xff) / 127.5 - 1;
      pixels[i + k] =
          static_cast<std::uint8_t>(std::clamp(255 * ink * canvas[i + k] + noise * deviation + 0.5, 0.0, 255.0));
    }
  }
}

void draw_digit(int digit, Rng rng, std::uint8_t* pixels) {
  const std::vector<Glyph>& hands = digit_glyphs()[static_cast<std::size_t>(digit)];
  const Glyph& glyph = hands[rng.below(static_cast<std::uint32_t>(hands.size()))];
  const Warp warp(rng);
  const Pen pen{.radius = between(rng, 1.2, 2), .edge = between(rng, 1, 1.8)};
  const double ink = between(rng, 0.8, 1), noise = between(rng, 0, 40);
  Canvas canvas{};
  draw_glyph(canvas, glyph, warp, pen);
  develop(canvas, ink, noise, rng, pixels);
}

Dataset draw_part(std::int64_t count, const Rng& rng) {
  // The mean, and a deviation below the real one (0.3): larger inputs let LeNet learn sooner.
  Dataset part{.name = "synthetic",
               .pixels = Tensor({count, side, side, 1}, DType::u8),
               .labels = Tensor({count}, DType::i32),
               .classes = 10,
               .mean = {0.15},
               .deviation = {0.2}};
  const auto pixels = part.pixels.span<std::uint8_t>();
  const auto labels = part.labels.span<std::int32_t>();
  parallel_for(count, 64, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const int digit = static_cast<int>(i % 10);
      labels[static_cast<std::size_t>(i)] = digit;
      draw_digit(digit, rng.split(static_cast<std::uint64_t>(i)), &pixels[static_cast<std::size_t>(i * image_size)]);
    }
  });
  Crc32 crc;
  crc.update(pixels.data(), pixels.size());
  part.checksum = crc.hex();
  return part;
}

}  // namespace

Split synthetic_digits(std::int64_t train, std::int64_t test, std::uint64_t seed) {
  require(train > 0 && test > 0, "synthetic digits: expected 1 image or more in each part, got {} and {}", train, test);
  const Rng rng(seed);
  return {draw_part(train, rng.split(1)), draw_part(test, rng.split(2))};
}

}  // namespace mpad
