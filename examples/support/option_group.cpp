// SPDX-License-Identifier: MIT
#include "option_group.h"

#include <CLI/CLI.hpp>

namespace mpad {

void Group::option(const std::string& name, const std::string& type, std::function<void(const std::string&)> read,
                   const std::string& help, const std::string& otherwise) {
  const auto read_some = [name, read = std::move(read)](const std::string& text) {
    require(!text.empty(), "{}: expected a value, got none", name);  // of a shell's variable that is not set
    read(text);
  };
  line_.parser()
      .add_option_function<std::string>(name, read_some, help)
      ->type_name(type)
      ->default_str(otherwise)
      ->group(title_);
}

void Group::flag(const std::string& name, bool& variable, const std::string& help) {
  line_.parser().add_flag(name, variable, help)->group(title_);
}

}  // namespace mpad
