// SPDX-License-Identifier: MIT
#include "lists.h"

#include "option_group.h"

#include <algorithm>

namespace mpad {

std::vector<std::string> split_list(const std::string& option, const std::string& text) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0, end = 0; end != std::string::npos; begin = end + 1) {
    end = text.find(',', begin);
    const std::string part = text.substr(begin, end == std::string::npos ? end : end - begin);
    require(!part.empty(), "{}: expected values with commas between them, got '{}'", option, text);
    require(std::find(parts.begin(), parts.end(), part) == parts.end(), "{}: expected each value once, got '{}'",
            option, text);
    parts.push_back(part);
  }
  return parts;
}

bool parse_switch(const std::string& option, const std::string& text) {
  if (text == "on") return true;
  if (text == "off") return false;
  fail_choice(option, {"on", "off"}, text);
}

}  // namespace mpad
