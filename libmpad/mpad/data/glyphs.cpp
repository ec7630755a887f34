// SPDX-License-Identifier: MIT
#include <mpad/data/glyphs.h>

#include <cstddef>

namespace mpad {
namespace {

Stroke line(std::vector<Point> points) { return {false, std::move(points)}; }
Stroke curve(std::vector<Point> points) { return {true, std::move(points)}; }

Point between(Point a, Point b, double t) { return {a.x + t * (b.x - a.x), a.y + t * (b.y - a.y)}; }

// The quadratic Bezier piece from a to b with control point c, without a.
void append_piece(std::vector<Point>& path, Point a, Point c, Point b) {
  constexpr int pieces = 5;
  for (int i = 1; i <= pieces; ++i) {
    const double t = static_cast<double>(i) / pieces;
    path.push_back(between(between(a, c, t), between(c, b, t), t));
  }
}

}  // namespace

const std::vector<std::vector<Glyph>>& digit_glyphs() {
  static const std::vector<std::vector<Glyph>> glyphs = {
      {{curve({{.5, 0}, {.2, 0}, {.1, .5}, {.2, 1}, {.5, 1}, {.8, 1}, {.9, .5}, {.8, 0}, {.5, 0}})}},
      {{line({{.5, 0}, {.5, 1}})},
       {line({{.32, .22}, {.52, 0}, {.52, 1}})},
       {line({{.32, .22}, {.5, 0}, {.5, 1}}), line({{.3, 1}, {.7, 1}})}},
      {{curve({{.2, .25}, {.25, -.02}, {.8, -.1}, {.85, .35}, {.55, .65}, {.2, 1}}), line({{.2, 1}, {.84, 1}})},
       {curve({{.2, .2}, {.4, -.1}, {.85, 0}, {.75, .45}, {.45, .85}, {.1, 1.1}, {.2, .75}, {.5, .95}, {.85, .98}})}},
      {{curve({{.2, .12}, {.45, -.08}, {.85, 0}, {.8, .45}, {.42, .47}}),
        curve({{.42, .47}, {.9, .5}, {.9, .95}, {.5, 1.1}, {.17, .87}})},
       {line({{.22, 0}, {.76, 0}, {.46, .42}}), curve({{.46, .42}, {.9, .45}, {.9, .95}, {.5, 1.1}, {.17, .87}})}},
      {{line({{.58, 0}, {.15, .66}, {.88, .66}}), line({{.64, .35}, {.64, 1}})},
       {line({{.64, 1}, {.64, 0}, {.15, .66}, {.88, .66}})},
       {line({{.22, .02}, {.18, .52}, {.78, .52}}), line({{.74, 0}, {.7, 1}})}},
      {{line({{.8, 0}, {.28, 0}, {.24, .45}}),
        curve({{.24, .45}, {.5, .28}, {.92, .4}, {.88, .98}, {.5, 1.08}, {.17, .88}})}},
      {{curve({{.7, 0},
               {.35, .1},
               {.12, .5},
               {.12, .98},
               {.5, 1.08},
               {.88, 1},
               {.88, .52},
               {.5, .42},
               {.22, .55},
               {.17, .75}})},
       {curve({{.4, 0}, {.2, .4}, {.15, 1.05}, {.5, 1.04}, {.85, 1}, {.85, .55}, {.5, .52}, {.22, .6}, {.22, .8}})}},
      {{line({{.18, 0}, {.82, 0}, {.42, 1}})},
       {line({{.18, 0}, {.82, 0}, {.42, 1}}), line({{.36, .5}, {.76, .5}})},
       {line({{.18, .12}, {.2, 0}}), curve({{.18, .02}, {.5, .04}, {.95, -.06}, {.6, .5}, {.46, 1}})}},
      {{curve({{.5, .47}, {.18, .4}, {.15, 0}, {.5, 0}, {.85, 0}, {.82, .4}, {.5, .47}}),
        curve({{.5, .47}, {.1, .55}, {.08, 1}, {.5, 1}, {.92, 1}, {.9, .55}, {.5, .47}})},
       {curve({{.78, .1},
               {.5, -.08},
               {.1, .1},
               {.25, .42},
               {.75, .52},
               {.95, .95},
               {.5, 1.08},
               {.05, .95},
               {.25, .55},
               {.75, .38},
               {.78, .1}})}},
      {{curve({{.8, .28}, {.72, -.04}, {.4, -.06}, {.12, .15}, {.2, .55}, {.65, .58}, {.8, .28}}),
        line({{.8, .28}, {.72, 1}})},
       {curve({{.8, .28}, {.72, -.04}, {.4, -.06}, {.12, .15}, {.2, .55}, {.65, .58}, {.8, .28}}),
        curve({{.8, .28}, {.86, .8}, {.68, 1.1}, {.28, .95}})}}};
  return glyphs;
}

std::vector<Point> flatten_stroke(const Stroke& stroke) {
  if (!stroke.smooth) return stroke.points;
  const std::vector<Point>& p = stroke.points;
  std::vector<Point> path{p.front()};
  for (std::size_t i = 1; i + 1 < p.size(); ++i)
    append_piece(path, path.back(), p[i], i + 2 == p.size() ? p.back() : between(p[i], p[i + 1], 0.5));
  return path;
}

}  // namespace mpad
