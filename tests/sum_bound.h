// SPDX-License-Identifier: MIT
// How far a sum may be from the exact one.
#pragma once
#include "pool_support.h"

namespace mpad::test {

/// Sums, and for each that of the magnitudes of its terms.
struct Summed {
  std::vector<double> y, scale;

  explicit Summed(std::int64_t size) : y(static_cast<std::size_t>(size)), scale(y.size()) {}
  void add(std::size_t i, double term) {
    y[i] += term;
    scale[i] += std::abs(term);
  }
};

// Sums of m terms differ from exact ones by at most m units u of the sum of magnitudes (Higham, Accuracy and Stability,
// 3.1), and by one more for each operation on a term or on the sum; half adds the store's 2^-11, or 2^-25 below the
// normal numbers.
inline void check_bound(const Tensor& got, const Summed& want, std::int64_t operations) {
  const std::vector<double> values = got.values();
  REQUIRE(values.size() == want.y.size());
  const double unit = std::ldexp(1.0, got.dtype() == DType::f64 ? -53 : -24);
  bool within = true;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double sum = static_cast<double>(operations) * unit * want.scale[i];
    const double store = got.dtype() == DType::f16 ? std::ldexp(std::abs(want.y[i]) + sum, -11) + 0x1p-25 : 0;
    within = within && std::abs(values[i] - want.y[i]) <= sum + store;
  }
  CHECK(within);
}

/// Equal to what is wanted, rounded once.
inline void check_rounded(const Tensor& got, const std::vector<double>& want) {
  std::vector<double> rounded;
  for (double value : want) rounded.push_back(round_to(value, got.dtype()));
  CHECK(got.values() == rounded);
}

/// Multiples of `unit` from -2 to 2 times it.
inline Tensor small_multiples(const Shape& shape, DType dtype, std::uint64_t seed, double unit = 1) {
  std::vector<double> values = random_integers(shape, DType::f64, seed, 5).values();
  for (double& value : values) value = unit * (value - 2);
  return Tensor::from(values, shape, dtype);
}

}  // namespace mpad::test
