// SPDX-License-Identifier: MIT
#pragma once
#include <CLI/CLI.hpp>

#include <string>

namespace mpad {

/// Help lines of the form "--name VALUES   what it is [default]".
class HelpFormat final : public CLI::Formatter {
 public:
  std::string make_option_opts(const CLI::Option* option) const override {
    return option->get_type_name().empty() ? "" : " " + option->get_type_name();
  }
  std::string make_option_desc(const CLI::Option* option) const override {
    const std::string value = option->get_default_str();
    return option->get_description() + (value.empty() ? "" : " [" + value + "]");
  }
};

}  // namespace mpad
