// SPDX-License-Identifier: MIT
// Options that are comma-separated lists, such as --bits 16,32,64.
#pragma once
#include <mpad/core/check.h>

#include <algorithm>
#include <concepts>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace mpad {

/// The parts of a list, in order. Throws Error, naming the option, if one is empty or there twice.
std::vector<std::string> split_list(const std::string& option, const std::string& text);

/// What `parse(option, part)` makes of each part. Throws Error, naming the option, if two parts mean the same.
template <class Parse>
auto parse_list(const std::string& option, const std::string& text, Parse&& parse) {
  using Value = std::invoke_result_t<Parse, const std::string&, const std::string&>;
  std::vector<Value> values;
  for (const std::string& part : split_list(option, text)) {
    Value value = parse(option, part);
    if constexpr (std::equality_comparable<Value>)
      require(std::find(values.begin(), values.end(), value) == values.end(), "{}: expected each value once, got '{}'",
              option, text);
    values.push_back(std::move(value));
  }
  return values;
}

/// true for "on" and false for "off". Throws Error, naming the option, on anything else.
bool parse_switch(const std::string& option, const std::string& text);

}  // namespace mpad
