// SPDX-License-Identifier: MIT
#pragma once
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

namespace mpad {

/// " (did you mean 'minimal'?)" for the name nearest to `word`, or nothing if none is near. What follows a colon in a
/// name is not compared.
std::string suggest(std::string_view word, std::span<const std::string_view> names);
inline std::string suggest(std::string_view word, std::initializer_list<std::string_view> names) {
  return suggest(word, std::span(names.begin(), names.size()));
}

}  // namespace mpad
