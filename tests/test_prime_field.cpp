// SPDX-License-Identifier: MIT
// Residues of numbers modulo a prime.
#include "support.h"

#include <mpad/core/prime_field.h>

#include <limits>

using namespace mpad;
using namespace mpad::test;

namespace {

using Limits = std::numeric_limits<double>;

// 2 to the power of any integer.
std::int64_t power_of_two(const PrimeField& field, int exponent) {
  const std::int64_t base = exponent < 0 ? field.inverse(2) : 2;
  std::int64_t power = 1;
  for (int i = 0; i < std::abs(exponent); ++i) power = field.reduced(power * base);
  return power;
}

}  // namespace

TEST_CASE("residues of integers are of least magnitude") {
  const PrimeField seven(7);
  CHECK(seven.prime() == 7);
  for (std::int64_t i : {-30, -7, -4, -3, -1, 0, 1, 3, 4, 6, 7, 25, 30}) {
    const std::int64_t got = seven.reduced(i);
    CHECK(std::abs(got) <= 3);
    CHECK((i - got) % 7 == 0);
    CHECK(seven.residue(static_cast<double>(i)) == got);
  }
}

TEST_CASE("residues of numbers are those of an integer times a power of two") {
  for (std::int64_t p : {3, 7, 65519, 65521}) {
    const PrimeField field(p);
    CHECK(field.residue(0.0) == 0);
    CHECK(field.residue(-0.0) == 0);
    for (int exponent : {-1074, -1073, -1022, -53, -1, 0, 1, 52, 53, 1000, 1023}) {
      INFO(p << " " << exponent);
      CHECK(field.residue(std::ldexp(1.0, exponent)) == power_of_two(field, exponent));
      CHECK(field.residue(-std::ldexp(1.0, exponent)) == -power_of_two(field, exponent));
    }
    const std::int64_t most = (std::int64_t{1} << 53) - 1;
    CHECK(field.residue(Limits::max()) == field.reduced(field.reduced(most) * power_of_two(field, 971)));
    CHECK(field.residue(Limits::min() - Limits::denorm_min()) ==
          field.reduced(field.reduced(most / 2) * power_of_two(field, -1074)));
  }
}

TEST_CASE("residues follow exact arithmetic, not what rounds") {
  const PrimeField field(65521);
  const auto residue = [&](double x) { return field.residue(x); };
  CHECK(field.reduced(residue(0.5) + residue(0.25)) == residue(0.75));
  CHECK(field.reduced(residue(0.3) * residue(0.5)) == residue(0.15));  // a product by a power of two is exact
  CHECK(0.1 + 0.2 != 0.3);
  CHECK(field.reduced(residue(0.1) + residue(0.2)) != residue(0.1 + 0.2));  // which is rounded
  CHECK(1.0 / 3 * 3 == 1);
  CHECK(field.reduced(residue(1.0 / 3) * 3) != 1);  // which is not a third
  CHECK(field.reduced(field.inverse(3) * 3) == 1);
}

TEST_CASE("inverses") {
  for (std::int64_t p : {3, 13, 65521}) {
    const PrimeField field(p);
    for (std::int64_t i = 1; i < std::min<std::int64_t>(p, 300); ++i) {
      CHECK(field.reduced(i * field.inverse(i)) == 1);
      CHECK(field.inverse(i - p) == field.inverse(i));
    }
    CHECK_THROWS_WITH(field.inverse(0),
                      fmt::format("prime field: expected a number that {} does not divide, got 0", p));
    CHECK_THROWS_WITH(field.inverse(2 * p),
                      fmt::format("prime field: expected a number that {} does not divide, got {}", p, 2 * p));
  }
}

TEST_CASE("so many products sum exactly in double") {
  const double most = (65521 - 1) / 2;
  CHECK(most * most * static_cast<double>(PrimeField::max_terms) < 0x1p53);
}

TEST_CASE("what is no field or no number is refused") {
  for (std::int64_t p : {-7, 0, 1, 2, 4, 9, 65520, 65533, 65537})
    CHECK_THROWS_WITH(PrimeField(p), fmt::format("prime field: expected a prime from 3 to 65521, got {}", p));
  const PrimeField field(5);
  for (double x : {Limits::infinity(), -Limits::infinity(), Limits::quiet_NaN()})
    CHECK_THROWS_WITH(field.residue(x), fmt::format("prime field: expected a finite number, got {}", x));
}
