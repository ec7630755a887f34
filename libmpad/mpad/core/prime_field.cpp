// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/core/prime_field.h>

#include <cmath>
#include <limits>

namespace mpad {
namespace {

using Limits = std::numeric_limits<double>;

// A finite number is an integer below 2^53 times a power of two, from least_exponent to greatest_exponent.
constexpr int least_exponent = Limits::min_exponent - 2 * Limits::digits + 1;
constexpr int greatest_exponent = Limits::max_exponent - Limits::digits;

bool is_prime(std::int64_t number) {
  for (std::int64_t divisor = 2; divisor * divisor <= number; ++divisor)
    if (number % divisor == 0) return false;
  return number > 1;
}

}  // namespace

PrimeField::PrimeField(std::int64_t p) : p_(p), most_((p - 1) / 2), reciprocal_(1 / static_cast<double>(p)) {
  require(p >= 3 && p < 65536 && is_prime(p), "prime field: expected a prime from 3 to 65521, got {}", p);
  const std::int64_t half = (p + 1) / 2;
  std::int64_t power = 1;
  for (int exponent = 0; exponent > least_exponent; --exponent) power = reduced(power * half);
  for (int exponent = least_exponent; exponent <= greatest_exponent; ++exponent) {
    powers_.push_back(power);
    power = reduced(power * 2);
  }
}

std::int64_t PrimeField::residue(double number) const {
  require(std::isfinite(number), "prime field: expected a finite number, got {}", number);
  int exponent = 0;
  const double mantissa = std::ldexp(std::frexp(number, &exponent), Limits::digits);
  const int power = exponent - Limits::digits - least_exponent;
  return reduced(reduced(static_cast<std::int64_t>(mantissa)) * powers_[static_cast<std::size_t>(power)]);
}

std::int64_t PrimeField::inverse(std::int64_t residue) const {
  require(reduced(residue) != 0, "prime field: expected a number that {} does not divide, got {}", p_, residue);
  std::int64_t power = reduced(residue), result = 1;  // to the p - 2, by Fermat's little theorem
  for (std::int64_t exponent = p_ - 2; exponent > 0; exponent /= 2) {
    if (exponent % 2 == 1) result = reduced(result * power);
    power = reduced(power * power);
  }
  return result;
}

}  // namespace mpad
