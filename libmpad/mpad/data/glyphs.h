// SPDX-License-Identifier: MIT
// How the synthetic digits are drawn: pen strokes in a unit box, x to the right and y down.
#pragma once
#include <vector>

namespace mpad {

struct Point {
  double x = 0, y = 0;
};

/// Points that the pen goes along: corners of a polyline, or the control points of a quadratic B-spline that starts at
/// the first and ends at the last.
struct Stroke {
  bool smooth;
  std::vector<Point> points;
};

/// One way to write a digit.
using Glyph = std::vector<Stroke>;

/// The ways to write each of the ten digits, one or more each.
const std::vector<std::vector<Glyph>>& digit_glyphs();

/// The stroke as a polyline.
std::vector<Point> flatten_stroke(const Stroke& stroke);

}  // namespace mpad
