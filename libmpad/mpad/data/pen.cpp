// SPDX-License-Identifier: MIT
#include <mpad/data/pen.h>

#include <algorithm>
#include <cmath>

namespace mpad {
namespace {

constexpr double box = 19.0 / 28;  // height of an unscaled glyph, of the side of the square

double distance_to_segment(Point p, Point a, Point b) {
  const double dx = b.x - a.x, dy = b.y - a.y, length2 = dx * dx + dy * dy;
  const double along = length2 > 0 ? std::clamp(((p.x - a.x) * dx + (p.y - a.y) * dy) / length2, 0.0, 1.0) : 0;
  const double ex = a.x + along * dx - p.x, ey = a.y + along * dy - p.y;
  return std::sqrt(ex * ex + ey * ey);
}

}  // namespace

Warp::Warp(Rng& rng, int side) : centre_((side - 1) / 2.0) {
  for (Point& knot : bend_) knot = {between(rng, -0.06, 0.06), between(rng, -0.06, 0.06)};
  const double height = box * side * between(rng, 0.8, 1.05), width = height * between(rng, 0.7, 1.05);
  const double shear = between(rng, -0.2, 0.2);
  // The rotation with tan(angle / 2) = t needs no trigonometric function, whose last bit differs between libraries.
  const double t = between(rng, -0.1, 0.1), cosine = (1 - t * t) / (1 + t * t), sine = 2 * t / (1 + t * t);
  xx_ = cosine * width;
  xy_ = (cosine * shear - sine) * height;
  yx_ = sine * width;
  yy_ = (sine * shear + cosine) * height;
  shift_ = {between(rng, -2.5, 2.5), between(rng, -2.5, 2.5)};
}

Point Warp::operator()(Point p) const {
  const Point bend = bend_at(p);
  const double x = p.x + bend.x - 0.5, y = p.y + bend.y - 0.5;
  return {centre_ + xx_ * x + xy_ * y + shift_.x, centre_ + yx_ * x + yy_ * y + shift_.y};
}

// Bilinear between 3x3 knots over the unit box, so that strokes that meet still do.
Point Warp::bend_at(Point p) const {
  const double x = 2 * std::clamp(p.x, 0.0, 1.0), y = 2 * std::clamp(p.y, 0.0, 1.0);
  const int i = x < 1 ? 0 : 1, j = y < 1 ? 0 : 1;
  const double u = x - i, v = y - j;
  const Point *a = &bend_[static_cast<std::size_t>(3 * j + i)], *b = a + 3;
  return {(1 - v) * ((1 - u) * a[0].x + u * a[1].x) + v * ((1 - u) * b[0].x + u * b[1].x),
          (1 - v) * ((1 - u) * a[0].y + u * a[1].y) + v * ((1 - u) * b[0].y + u * b[1].y)};
}

double Pen::coverage(double distance) const { return std::clamp((radius - distance) / edge + 0.5, 0.0, 1.0); }

void Canvas::draw(const Glyph& glyph, const Warp& warp, const Pen& pen) {
  for (const Stroke& stroke : glyph) {
    std::vector<Point> path = flatten_stroke(stroke);
    std::transform(path.begin(), path.end(), path.begin(), warp);
    for (std::size_t i = 1; i < path.size(); ++i) draw_segment(path[i - 1], path[i], pen);
  }
}

void Canvas::draw_segment(Point a, Point b, const Pen& pen) {
  const double reach = pen.radius + pen.edge / 2;
  const auto [left, right] = pixels_between(std::min(a.x, b.x) - reach, std::max(a.x, b.x) + reach);
  const auto [top, bottom] = pixels_between(std::min(a.y, b.y) - reach, std::max(a.y, b.y) + reach);
  for (int y = top; y < bottom; ++y)
    for (int x = left; x < right; ++x) {
      double& pixel = coverage_[static_cast<std::size_t>(side_ * y + x)];
      pixel = std::max(pixel, pen.coverage(distance_to_segment({double(x), double(y)}, a, b)));
    }
}

// The pixels that [low, high] touches, as a half-open range clipped to the canvas.
std::pair<int, int> Canvas::pixels_between(double low, double high) const {
  const double side = side_;
  return {static_cast<int>(std::clamp(std::floor(low), 0.0, side)),
          static_cast<int>(std::clamp(std::ceil(high) + 1, 0.0, side))};
}

}  // namespace mpad
