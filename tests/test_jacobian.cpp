// SPDX-License-Identifier: MIT
#include "support.h"

#include <mpad/core/jacobian.h>
#include <mpad/ops.h>

using namespace mpad;
using namespace mpad::test;

namespace {

constexpr double inf = std::numeric_limits<double>::infinity();

struct Heaviest {
  double weight(std::uint64_t mask, int i) const { return mask >> i == 1 ? 1 : 0; }
};
struct NoWeight {};
struct WrongArguments {
  double weight(std::uint64_t mask) const { return static_cast<double>(mask); }
};
static_assert(TieFunctor<Heaviest> && TieFunctor<ties::First> && TieFunctor<ties::Beta>);
static_assert(!TieFunctor<NoWeight> && !TieFunctor<WrongArguments>);
static_assert(ties::First{}.weight(0b0110, 1) == 1 && ties::Last{}.weight(0b0110, 2) == 1);

std::string parse_error(const char* text) {
  try {
    TieRule::parse(text);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

std::vector<double> row(const TieRule& rule, std::uint64_t mask, int taps) {
  std::vector<double> weights;
  rule.visit([&](const auto& functor) {
    for (int i = 0; i < taps; ++i) weights.push_back(functor.weight(mask, i));
  });
  return weights;
}

}  // namespace

TEST_CASE("rows of the Jacobian are those of the definitions") {
  CHECK(row(TieRule::native(), 0b1010, 4) == std::vector<double>{0, 1, 0, 0});
  CHECK(row(TieRule::last(), 0b1010, 4) == std::vector<double>{0, 0, 0, 1});
  CHECK(row(TieRule::minimal(), 0b1010, 4) == std::vector<double>{0, 0.5, 0, 0.5});
  CHECK(row(TieRule::beta(10), 0b1010, 4) == std::vector<double>{0, -4, 0, 5});
  CHECK(row(TieRule::all(), 0b1010, 4) == std::vector<double>{0, 1, 0, 1});
  CHECK(row(TieRule::random(1), 0b1010, 4) == std::vector<double>{0, 0.5, 0, 0.5});
}

TEST_CASE("masks reach up to element 63") {
  const std::uint64_t ends = 1 | std::uint64_t{1} << 63, full = ~std::uint64_t{0};
  CHECK(ties::is_first(ends, 0));
  CHECK(ties::is_last(ends, 63));
  CHECK_FALSE(ties::is_first(ends, 63));
  CHECK(ties::is_first(std::uint64_t{1} << 63, 63));
  CHECK(ties::count(full) == 64);
  CHECK(ties::Minimal{}.apply(64.0, full, 63, 0) == 1);
}

TEST_CASE("weights sum to 1 for every mask of nine taps, but for `all`, where they sum to k") {
  for (const char* name : {"native", "last", "minimal", "beta:-1.5", "beta:0.5", "beta:10"})
    for (std::uint64_t mask = 1; mask < 512; ++mask) {
      double sum = 0;
      for (double weight : row(TieRule::parse(name), mask, 9)) sum += weight;
      CHECK(std::abs(sum - 1) <= 1e-14);  // nine terms of at most 10, each off by half of 2^-50
    }
  for (std::uint64_t mask = 1; mask < 512; ++mask) {
    double sum = 0;
    for (double weight : row(TieRule::all(), mask, 9)) sum += weight;
    CHECK(sum == ties::count(mask));
  }
}

TEST_CASE("a beta's weight is exactly 1 where there is no tie") {
  for (double beta : {-1e300, 0.1, 1e4, 1e17}) {
    CHECK(row(TieRule::beta(beta), 0b0100, 4) == std::vector<double>{0, 0, 1, 0});
    CHECK(apply_rule(ties::Beta{beta}, 3.0, 0b0100, 2, 0) == 3);
  }
  CHECK(apply_rule(ties::Beta{1e30}, 3.0F, 0b0100, 2, 0) == 3);
  CHECK(row(TieRule::beta(1), 0b0111, 4) == row(TieRule::minimal(), 0b0111, 4));
}

TEST_CASE("the 1-norm and 2-norm of a row are the closed forms") {
  for (int k = 1; k <= 9; ++k) {
    const std::uint64_t mask = (std::uint64_t{1} << k) - 1;
    for (double beta : {-1.5, 0.0, 0.5, 1.0, 10.0}) {
      double sum = 0;
      for (double weight : row(TieRule::beta(beta), mask, 9)) sum += std::abs(weight);
      CHECK(sum == Approx((k - 1) * std::abs(beta) / k + std::abs(1 - beta * (k - 1) / k)).epsilon(1e-14));
    }
    double squares = 0;
    for (double weight : row(TieRule::minimal(), mask, 9)) squares += weight * weight;
    CHECK(std::sqrt(squares) == Approx(1 / std::sqrt(k)).epsilon(1e-14));
  }
}

TEST_CASE("a weight of 0 gives 0 even where the gradient is infinite") {
  CHECK(apply_rule(ties::First{}, inf, 0b11, 1, 0) == 0);
  CHECK(apply_rule(ties::Minimal{}, inf, 0b11, 2, 0) == 0);
  CHECK(apply_rule(ties::Beta{0.5}, inf, 0b11, 2, 0) == 0);
  CHECK(apply_rule(ties::Random{3}, inf, 0b11, 2, 0) == 0);
  CHECK(apply_rule(Heaviest{}, inf, 0b11, 0, 0) == 0);
  CHECK(apply_rule(Heaviest{}, inf, 0b11, 1, 0) == inf);
}

TEST_CASE("parse reads what name writes") {
  for (const char* text : {"native", "last", "minimal", "all", "beta:0.5", "beta:-1.5", "beta:10000", "random:7",
                           "random:18446744073709551615"})
    CHECK(TieRule::parse(text).name() == text);
  CHECK(TieRule().name() == "native");
  CHECK(TieRule::parse("beta:1e4").beta() == 10000);
  CHECK(TieRule::native().beta() == 0);
  CHECK(TieRule::minimal().beta() == 1);
}

TEST_CASE("parse names what is wrong, and the nearest rule") {
  const std::string list = "ties: expected native, last, minimal, beta:B, random:SEED or all, got ";
  CHECK(parse_error("minimul") == list + "'minimul' (did you mean 'minimal'?)");
  CHECK(parse_error("bta:3") == list + "'bta:3' (did you mean 'beta:B'?)");
  CHECK(parse_error("beta") == list + "'beta' (did you mean 'beta:B'?)");
  CHECK(parse_error("native:1") == list + "'native:1' (did you mean 'native'?)");
  CHECK(parse_error("xyzzyxyzzy") == list + "'xyzzyxyzzy'");
  CHECK(parse_error("beta:x") == "ties: expected a number after 'beta:', got 'x'");
  CHECK(parse_error("beta:1x") == "ties: expected a number after 'beta:', got '1x'");
  CHECK(parse_error("beta:") == "ties: expected a number after 'beta:', got ''");
  CHECK(parse_error("beta:inf") == "ties: expected a finite B in 'beta:B', got 'inf'");
  CHECK(parse_error("random:-1") == "ties: expected a number after 'random:', got '-1'");
}

// A rule by its weights alone must not lose what else a functor says.
template <class R>
concept CanBeCustom = requires(R functor) {
  TieRule::custom(functor, "name");
};
static_assert(CanBeCustom<Heaviest>);
static_assert(!CanBeCustom<ties::Random>);

TEST_CASE("a user's functor is a rule under its own name") {
  const TieRule rule = TieRule::custom(Heaviest{}, "heaviest");
  CHECK(rule.name() == "heaviest");
  CHECK(rule.kind() == TieRule::Kind::custom);
  CHECK(row(rule, 0b0110, 4) == std::vector<double>{0, 0, 1, 0});
  CHECK_THROWS_AS(rule.beta(), Error);
  for (DType dtype : real_dtypes) {
    const Tensor x = Tensor::from({5, 5, 1, 5}, {1, 2, 2, 1}, dtype);
    CHECK(gradients_of([&](const auto& in) { return maxpool2d(in[0], {.ties = rule}); }, {x},
                       Tensor::full({1, 1, 1, 1}, 3, dtype))[0]
              .values() == std::vector<double>{0, 0, 0, 3});
  }
}
