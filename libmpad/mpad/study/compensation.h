// SPDX-License-Identifier: MIT
// The study's introduction: four lines of a program whose derivative floating-point numbers get wrong.
#pragma once
#include <mpad/core/types.h>

#include <string>
#include <vector>

namespace mpad {

/// zero(t) = max1(t * x) - max2(t * x) for a vector x: max1 differentiates through the first maximum, max2 through all
/// of them alike (the rules native and minimal). It is 0 for every t, and so is its derivative.
struct Compensation {
  DType dtype = DType::f32;
  std::string x{};             ///< "equal" for 1.14 * (1, 1, 1, 1), rounded to dtype; "increasing" for (1, 2, 3, 4)
  double t = 0;                ///< as asked for; the program gets it rounded to dtype
  double value = 0;            ///< zero(t), computed in dtype
  double derivative = 0;       ///< zero'(t) by backpropagation in dtype
  double real_derivative = 0;  ///< what backpropagation yields over the real numbers, from the same ties
};

/// In half, float and double, for both x, at each t of the study: 0, 0.1, 1, -1e-4, -6.
///
/// All of t * x is tied for equal x. The gradient of t * x is then (3/4, -1/4, -1/4, -1/4), exactly, and that of t its
/// product with x, which is 0 over the reals: what is computed wrong in floating-point numbers is right over the reals,
/// a compensation. Summed term by term in float, 3/4 * 1.14 falls in the middle between two numbers, as does the first
/// difference; both are rounded up (to even), by 2^-25 each, and the two last differences are exact: 2^-24 is left. In
/// half the sum is formed in float, exactly. For increasing x there is a tie at t = 0 only, where the two programs
/// have derivatives 1 and 2.5, also over the reals: a true bifurcation.
std::vector<Compensation> compensations();

/// compensation.csv: a row for each. Numbers read back to the same bits.
std::string compensation_csv(const std::vector<Compensation>& compensations);

}  // namespace mpad
