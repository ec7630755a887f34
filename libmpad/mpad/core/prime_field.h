// SPDX-License-Identifier: MIT
// Exact arithmetic on what floating-point numbers stand for, modulo a prime.
#pragma once
#include <cstdint>
#include <vector>

namespace mpad {

/// The integers modulo a prime p. A floating-point number is an integer times a power of two, so it has a residue here,
/// and so has what sums, products and quotients make of such numbers over the rationals, where p divides no
/// denominator. Equal rationals have equal residues; of different ones, about one pair in p has. Residues are those of
/// least magnitude, from -(p - 1) / 2 to (p - 1) / 2.
class PrimeField {
 public:
  /// So many products of two residues sum to less than 2^53 in magnitude: exactly in double, in any order.
  static constexpr std::int64_t max_terms = std::int64_t{1} << 23;

  /// Throws Error unless p is a prime from 3 to 65521, the largest below 2^16.
  explicit PrimeField(std::int64_t p);

  std::int64_t prime() const { return p_; }
  /// The residue of an integer of less than 2^62 in magnitude.
  std::int64_t reduced(std::int64_t integer) const {
    // Division takes ten times as long. The quotient is at most one off where the integer is below 2^53 and p is large.
    std::int64_t rest = integer - static_cast<std::int64_t>(static_cast<double>(integer) * reciprocal_) * p_;
    while (rest > most_) rest -= p_;
    while (rest < -most_) rest += p_;
    return rest;
  }
  /// The residue of a number as it is in double. Throws Error if it is not finite.
  std::int64_t residue(double number) const;
  /// What times the residue is 1. Throws Error if there is none: for 0.
  std::int64_t inverse(std::int64_t residue) const;

 private:
  std::int64_t p_, most_;
  double reciprocal_;
  std::vector<std::int64_t> powers_{};  // residues of the powers of two that double's numbers have as factors
};

}  // namespace mpad
