// SPDX-License-Identifier: MIT
#pragma once
#include <string>
#include <vector>

namespace mpad {

/// Lines of cells, the first line the headings, in columns two spaces apart: the first flush left, the others right.
std::string table(const std::vector<std::vector<std::string>>& lines);

}  // namespace mpad
