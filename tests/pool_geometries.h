// SPDX-License-Identifier: MIT
#pragma once
#include "pool_support.h"

namespace mpad::test {

struct Geometry {
  Shape input;
  Window window;
  bool ceil_mode = false;

  Sliding sliding() const { return slide("test", window, input, ceil_mode); }
};

inline std::string to_string(const Geometry& g) {
  return to_string(g.input) + " window " + to_string(g.window.kernel) + " stride " + to_string(g.window.stride) +
         " pad " + to_string(g.window.pad) + " dilation " + to_string(g.window.dilation) + (g.ceil_mode ? " ceil" : "");
}

// Sizes 1 to 13, windows of each mask type, overlap, gaps, padding, dilation, and windows that hang over the end.
inline const Geometry geometries[] = {
    {{1, 1, 1, 1}, {.kernel = 1}},
    {{2, 1, 5, 3}, {.kernel = {1, 2}, .stride = {1, 2}}},
    {{2, 4, 4, 64}, {.kernel = 2, .stride = 2}},
    {{1, 5, 7, 6}, {.kernel = 2, .stride = 2}},
    {{1, 5, 7, 6}, {.kernel = 2, .stride = 2}, true},
    {{1, 3, 181, 6}, {.kernel = 2, .stride = 2}},
    {{2, 7, 8, 5}, {.kernel = 2, .stride = 3}},
    {{1, 7, 4, 3}, {.kernel = {3, 2}, .stride = {3, 2}, .pad = {1, 0}}},
    {{2, 6, 5, 17}, {.kernel = 2, .stride = 1}},
    {{1, 4, 5, 130}, {.kernel = 2, .stride = 1}},
    {{1, 6, 6, 33}, {.kernel = 2, .stride = 3}},
    {{1, 7, 7, 5}, {.kernel = 2, .stride = 1, .dilation = 3}},
    {{1, 4, 4, 8}, {.kernel = 2, .stride = 2, .pad = 1}},
    {{2, 7, 7, 64}, {.kernel = 3, .stride = 2, .pad = 1}},
    {{1, 8, 8, 65}, {.kernel = 3, .stride = 2, .pad = 1}, true},
    {{1, 9, 8, 31}, {.kernel = 3, .stride = 1, .pad = 1}},
    {{1, 4, 5, 130}, {.kernel = 3, .stride = 1, .pad = 1}},
    {{1, 9, 9, 16}, {.kernel = 3, .stride = 3}},
    {{1, 9, 9, 7}, {.kernel = 3, .stride = 2, .dilation = 2}},
    {{1, 11, 11, 9}, {.kernel = 3, .stride = 2, .pad = 1, .dilation = 3}, true},
    {{1, 6, 9, 4}, {.kernel = {2, 3}, .stride = {1, 2}, .pad = {1, 0}}},
    {{1, 9, 6, 4}, {.kernel = {3, 2}, .stride = {2, 1}, .pad = {0, 1}}},
    {{3, 3, 3, 2}, {.kernel = 3, .stride = 1}},
    {{1, 13, 1, 5}, {.kernel = {5, 1}, .stride = {2, 1}, .pad = {2, 0}}},
    {{1, 1, 13, 5}, {.kernel = {1, 7}, .stride = {1, 3}, .pad = {0, 3}}},
    {{1, 8, 8, 20}, {.kernel = 4, .stride = 4}},
    {{1, 9, 9, 20}, {.kernel = 4, .stride = 2, .pad = 2}},
    {{1, 9, 9, 3}, {.kernel = 4, .stride = 1}},
    {{1, 10, 10, 5}, {.kernel = 5, .stride = 5}},
    {{1, 10, 10, 70}, {.kernel = 5, .stride = 2, .pad = 2}},
    {{1, 11, 11, 4}, {.kernel = 5, .stride = 3, .pad = 1, .dilation = 2}},
    {{1, 8, 8, 6}, {.kernel = {4, 8}, .stride = 2, .pad = {1, 3}}},
    {{1, 8, 8, 3}, {.kernel = 8, .stride = 8}},
    {{1, 12, 12, 66}, {.kernel = 8, .stride = 2, .pad = 4}},
    {{1, 13, 13, 2}, {.kernel = 8, .stride = 1, .pad = 3}, true},
    {{1, 1, 70, 2}, {.kernel = {1, 64}, .stride = 1}},
    {{1, 3, 3, 130}, {.kernel = 2, .stride = 2}, true},
    {{1, 3, 5, 300}, {.kernel = 2, .stride = 2}},
    {{1, 5, 5, 300}, {.kernel = 3, .stride = 2, .pad = 1}},
    {{2, 3, 3, 1}, {.kernel = 1, .stride = 2}},
    {{0, 4, 4, 8}, {.kernel = 2, .stride = 2}},
    {{2, 4, 4, 0}, {.kernel = 3, .stride = 2, .pad = 1}},
    {{3, 2, 2, 8}, {.kernel = 2, .stride = 2}},
    {{2, 5, 6, 16}, {.kernel = 2, .stride = 2}},
    {{2, 7, 5, 8}, {.kernel = 2, .stride = 2}, true},
    {{1, 1, 1, 16}, {.kernel = 3, .stride = 2, .pad = 1}},
    {{2, 6, 8, 8}, {.kernel = 3, .stride = 2}},
    {{1, 6, 8, 16}, {.kernel = 3, .stride = 2}, true},
    {{1, 8, 7, 8}, {.kernel = 3, .stride = 2, .pad = {1, 0}}, true},
    {{1, 5, 8, 8}, {.kernel = 3, .stride = 2, .pad = {0, 1}}},
    {{1, 6, 5, 16}, {.kernel = 2, .stride = 2, .pad = {0, 1}}},
    {{1, 5, 5, 8}, {.kernel = 2, .stride = 1, .dilation = 2}},
    {{1, 9, 10, 8}, {.kernel = 3, .stride = {2, 3}, .pad = {1, 0}}},
    {{1, 3, 90, 4}, {.kernel = 3, .stride = 1}},
    {{1, 6, 6, 3}, {.kernel = 4, .stride = 2, .dilation = 2}, true},
    {{1, 5, 6, 40}, {.kernel = 2, .stride = 2, .pad = {0, 1}}},
    {{1, 7, 6, 56}, {.kernel = 3, .stride = 2, .pad = 1}},
    {{2, 12, 11, 24}, {.kernel = {5, 3}, .stride = {3, 2}, .pad = {2, 1}}, true},
};

}  // namespace mpad::test
