// SPDX-License-Identifier: MIT
// Options that are comma-separated lists, such as --bits 16,32,64.
#pragma once
#include <mpad/core/check.h>

#include <string>
#include <type_traits>
#include <vector>

namespace mpad {

/// The parts of a list, in order. Throws Error, naming the option, if one is empty or there twice.
std::vector<std::string> split_list(const std::string& option, const std::string& text);

/// What `parse(option, part)` makes of each part.
template <class Parse>
auto parse_list(const std::string& option, const std::string& text, Parse&& parse) {
  std::vector<std::invoke_result_t<Parse, const std::string&, const std::string&>> values;
  for (const std::string& part : split_list(option, text)) values.push_back(parse(option, part));
  return values;
}

/// true for "on" and false for "off". Throws Error, naming the option, on anything else.
bool parse_switch(const std::string& option, const std::string& text);

}  // namespace mpad
