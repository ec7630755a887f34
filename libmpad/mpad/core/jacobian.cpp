// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/core/jacobian.h>
#include <mpad/core/read_number.h>
#include <mpad/core/suggest.h>

#include <cmath>

namespace mpad {
namespace {

template <class Number>
Number parse_number(std::string_view rule, std::string_view text) {
  const auto value = read_number<Number>(text);
  require(value.has_value(), "ties: expected a number after '{}:', got '{}'", rule, text);
  return *value;
}

}  // namespace

TieRule TieRule::parse(std::string_view text) {
  const std::size_t colon = text.find(':');
  const std::string_view name = text.substr(0, colon);
  const bool has_number = colon != std::string_view::npos;
  const std::string_view number = has_number ? text.substr(colon + 1) : std::string_view();
  if (name == "beta" && has_number) return beta(parse_number<double>(name, number));
  if (name == "random" && has_number) return random(parse_number<std::uint64_t>(name, number));
  if (!has_number) {
    if (name == "native") return native();
    if (name == "last") return last();
    if (name == "minimal") return minimal();
    if (name == "all") return all();
  }
  fail("ties: expected native, last, minimal, beta:B, random:SEED or all, got '{}'{}", text,
       suggest(name, {"native", "last", "minimal", "beta:B", "random:SEED", "all"}));
}

TieRule TieRule::beta(double beta) {
  require(std::isfinite(beta), "ties: expected a finite B in 'beta:B', got '{}'", beta);
  return TieRule(Kind::beta, beta);
}

std::string TieRule::name() const {
  switch (kind_) {
    case Kind::native: return "native";
    case Kind::last: return "last";
    case Kind::minimal: return "minimal";
    case Kind::beta: return fmt::format("beta:{}", beta_);
    case Kind::random: return fmt::format("random:{}", seed_);
    case Kind::all: return "all";
    case Kind::custom: return name_;
  }
  return {};
}

double TieRule::beta() const {
  if (kind_ == Kind::native) return 0;
  if (kind_ == Kind::minimal) return 1;
  if (kind_ == Kind::beta) return beta_;
  fail("ties: expected a rule of the beta family (native, minimal or beta:B) for the composed pool, got '{}'", name());
}

}  // namespace mpad
