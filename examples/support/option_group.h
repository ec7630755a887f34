// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/core/check.h>
#include <mpad/core/read_number.h>
#include <mpad/core/suggest.h>

#include <CLI/CLI.hpp>

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
  Group(CLI::App& app, const char* title) : app_(app), title_(title) {}

  CLI::Option* text(const char* name, const char* type, std::string& variable, const std::string& help) {
    return app_.add_option(name, variable, help)->type_name(type)->capture_default_str()->group(title_);
  }
  template <class Number>
  CLI::Option* number(const char* name, const char* type, Number& variable, const std::string& help) {
    return number<Number>(name, type, variable, help, fmt::format("{}", variable));
  }
  /// A number that has no value unless the command line gives one; the help shows `otherwise`.
  template <class Number, class Variable>
  CLI::Option* number(const std::string& name, const char* type, Variable& variable, const std::string& help,
                      const std::string& otherwise) {
    const auto read = [&variable, name](const std::string& text) { variable = parse_number<Number>(name, text); };
    return app_.add_option_function<std::string>(name, read, help)
        ->type_name(type)
        ->default_str(otherwise)
        ->group(title_);
  }
  void flag(const char* name, bool& variable, const std::string& help) {
    app_.add_flag(name, variable, help)->group(title_);
  }
  /// An option that takes one of the names that to_string gives to the values of an enumeration.
  template <class Enum>
  void choice(const std::string& name, Enum& variable, std::initializer_list<Enum> choices, const std::string& help) {
    std::vector<std::string> names;
    for (Enum choice : choices) names.push_back(to_string(choice));
    const auto choose = [&variable, name, choices = std::vector(choices)](const std::string& text) {
      variable = parse_choice(name, text, choices);
    };
    app_.add_option_function<std::string>(name, choose, help)
        ->type_name(joined(names))
        ->default_str(to_string(variable))
        ->group(title_);
  }

 private:
  CLI::App& app_;
  const char* title_;
};

}  // namespace mpad
