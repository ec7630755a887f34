// SPDX-License-Identifier: MIT
#pragma once
#include "command_line.h"

#include <mpad/core/check.h>
#include <mpad/core/read_number.h>
#include <mpad/core/suggest.h>

#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace mpad {

/// "a|b|c".
inline std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : "|") + name;
  return text;
}

/// Throws Error: `got` is none of the names that the option takes.
[[noreturn]] inline void fail_choice(const std::string& option, const std::vector<std::string>& names,
                                     const std::string& got) {
  const std::vector<std::string_view> views(names.begin(), names.end());
  fail("{}: expected {}, got '{}'{}", option, joined(names), got, suggest(got, views));
}

/// The value to which to_string gives this name.
template <class Enum>
Enum parse_choice(const std::string& option, const std::string& text, const std::vector<Enum>& choices) {
  std::vector<std::string> names;
  for (const Enum choice : choices) {
    if (text == to_string(choice)) return choice;
    names.push_back(to_string(choice));
  }
  fail_choice(option, names, text);
}

/// The number that the option's text is. Throws Error if it is none, or too large.
template <class Number>
Number parse_number(const std::string& option, const std::string& text) {
  const auto value = read_number<Number>(text);
  require(value.has_value(), "{}: expected {}, got '{}'", option,
          std::is_floating_point_v<Number> ? "a number"
          : std::is_unsigned_v<Number>     ? "a whole number of 0 or more"
                                           : "a whole number",
          text);
  return *value;
}

/// A heading of the help, and the options under it.
class Group {
 public:
  Group(CommandLine& line, const char* title) : line_(line), title_(title) {}

  /// An option that takes one value, not an empty one. The help names its `type`, and its value `otherwise`.
  void option(const std::string& name, const std::string& type, std::function<void(const std::string& text)> read,
              const std::string& help, const std::string& otherwise);
  void flag(const std::string& name, bool& variable, const std::string& help);

  void text(const std::string& name, const std::string& type, std::string& variable, const std::string& help) {
    text(name, type, variable, help, variable);
  }
  /// A text that is empty unless the command line gives one; the help shows `otherwise`.
  void text(const std::string& name, const std::string& type, std::string& variable, const std::string& help,
            const std::string& otherwise) {
    option(
        name, type, [&variable](const std::string& text) { variable = text; }, help, otherwise);
  }
  template <class Number>
  void number(const std::string& name, const std::string& type, Number& variable, const std::string& help) {
    number<Number>(name, type, variable, help, fmt::format("{}", variable));
  }
  /// A number that has no value unless the command line gives one; the help shows `otherwise`.
  template <class Number, class Variable>
  void number(const std::string& name, const std::string& type, Variable& variable, const std::string& help,
              const std::string& otherwise) {
    const auto read = [&variable, name](const std::string& text) { variable = parse_number<Number>(name, text); };
    option(name, type, read, help, otherwise);
  }
  /// An option that takes one of the names that to_string gives to the values of an enumeration.
  template <class Enum>
  void choice(const std::string& name, Enum& variable, std::initializer_list<Enum> choices, const std::string& help) {
    std::vector<std::string> names;
    for (Enum choice : choices) names.push_back(to_string(choice));
    const auto read = [&variable, name, choices = std::vector(choices)](const std::string& text) {
      variable = parse_choice(name, text, choices);
    };
    option(name, joined(names), read, help, to_string(variable));
  }

 private:
  CommandLine& line_;
  const char* title_;
};

}  // namespace mpad
