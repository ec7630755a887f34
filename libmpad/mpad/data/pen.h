// SPDX-License-Identifier: MIT
// A pen that writes warped glyphs on a square of pixels.
#pragma once
#include <mpad/data/glyphs.h>
#include <mpad/random.h>

#include <array>
#include <cstddef>
#include <vector>

namespace mpad {

/// Uniform in [low, high).
inline double between(Rng& rng, double low, double high) { return low + (high - low) * rng.uniform(); }

/// From the unit box of a glyph to pixels: a smooth bend, then an affine map about the centre, drawn from `rng`.
class Warp {
 public:
  Warp(Rng& rng, int side);
  Point operator()(Point p) const;

 private:
  Point bend_at(Point p) const;
  std::array<Point, 9> bend_{};
  double centre_, xx_, xy_, yx_, yy_;
  Point shift_{};
};

struct Pen {
  double radius, edge;  ///< pixels: half the stroke's width, and the width of its soft edge
  double coverage(double distance) const;
};

/// How much of each pixel is ink, 0 to 1, row by row.
class Canvas {
 public:
  explicit Canvas(int side) : side_(side), coverage_(static_cast<std::size_t>(side) * static_cast<std::size_t>(side)) {}
  void draw(const Glyph& glyph, const Warp& warp, const Pen& pen);
  double operator[](std::size_t pixel) const { return coverage_[pixel]; }

 private:
  void draw_segment(Point a, Point b, const Pen& pen);
  std::pair<int, int> pixels_between(double low, double high) const;
  int side_;
  std::vector<double> coverage_;
};

}  // namespace mpad
