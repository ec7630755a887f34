// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/core/read_number.h>
#include <mpad/study/program.h>

#include <cmath>
#include <string_view>

namespace mpad {
namespace {

double number_after(const std::string& option, std::string_view kind, std::string_view text) {
  const auto value = read_number<double>(text);
  require(value && std::isfinite(*value), "{}: expected a finite number after '{}', got '{}'", option, kind, text);
  return *value;
}

}  // namespace

Program parse_program(const std::string& option, const std::string& text) {
  constexpr std::string_view relu0 = "relu0:", norm = "norm:";
  const std::string_view view = text;
  if (view.starts_with(relu0)) {
    const double at_zero = number_after(option, relu0, view.substr(relu0.size()));
    return {fmt::format("{}{}", relu0, at_zero), {.relu0 = at_zero}};
  }
  if (view.starts_with(norm)) {
    const double at_zero = number_after(option, norm, view.substr(norm.size()));
    return {fmt::format("{}{}", norm, at_zero), {.norm_at_zero = at_zero}};
  }
  try {
    const TieRule ties = TieRule::parse(text);
    return {ties.name(), {.ties = ties}};
  } catch (const Error& error) {
    fail("{}: {}, or relu0:A or norm:C", option, error.what());
  }
}

}  // namespace mpad
