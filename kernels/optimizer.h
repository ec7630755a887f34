// SPDX-License-Identifier: MIT
// What an optimizer's step does to one element, on every device. Coefficients are formed in double and rounded once to
// A, the type of the arithmetic. Internal linkage: cpu/isa.h says why.
#pragma once
#include <kernels.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <tuple>

namespace mpad::kernels {
namespace {

// What changes from step to step. Some of it follows from the rate and some from how many steps were taken, which a
// schedule knows apart where steps are skipped.

/// The rate.
inline std::array<double, 1> numbers_of_rate(const SgdStep& s) { return {s.lr}; }
/// What divides the rate, and whether it is the first step (1 or 0).
inline std::array<double, 2> numbers_of_count(const SgdStep& s) { return {1, s.first ? 1.0 : 0.0}; }

/// The rate, and what a decay of the parameter leaves.
inline std::array<double, 2> numbers_of_rate(const AdamStep& s) {
  return {s.lr, s.decoupled ? 1 - s.lr * s.weight_decay : 1};
}
/// What divides the rate, and the correction of the root of the second moment.
inline std::array<double, 2> numbers_of_count(const AdamStep& s) {
  const auto step = static_cast<double>(s.step);
  return {1 - std::pow(s.beta1, step), std::sqrt(1 - std::pow(s.beta2, step))};
}

/// Some of the numbers.
struct Numbers {
  const double* data;
  std::int64_t size;
};
/// All of them: the first of the rate's over the first of the count's, the rest of the count's, the rest of the rate's,
/// and unscale. Where that is 0 there is no step.
MPAD_HD inline void join_numbers(Numbers of_rate, Numbers of_count, double unscale, double* numbers) {
  *numbers++ = of_rate.data[0] / of_count.data[0];
  for (std::int64_t i = 1; i < of_count.size; ++i) *numbers++ = of_count.data[i];
  for (std::int64_t i = 1; i < of_rate.size; ++i) *numbers++ = of_rate.data[i];
  *numbers = unscale;
}

template <class Step>
auto numbers_of(const Step& step) {
  const auto of_rate = numbers_of_rate(step);
  const auto of_count = numbers_of_count(step);
  std::array<double, std::tuple_size_v<decltype(of_rate)> + std::tuple_size_v<decltype(of_count)>> numbers{};
  join_numbers({of_rate.data(), std::ssize(of_rate)}, {of_count.data(), std::ssize(of_count)}, step.unscale,
               numbers.data());
  return numbers;
}

/// d = direction(p, g), v = buffer(v, d), p = moved(p, d, v) with v as it is stored; without momentum
/// p = moved(p, d).
template <class A>
struct SgdUpdate {
  explicit SgdUpdate(const SgdStep& s)
      : decay(A(s.weight_decay)),
        momentum(A(s.momentum)),
        of_gradient(A(s.nesterov ? 1 : 0)),
        of_buffer(A(s.nesterov ? s.momentum : 1)) {
    take(numbers_of(s).data());
  }
  MPAD_HD static bool skips(const double* numbers) { return numbers[2] == 0; }
  MPAD_HD void take(const double* numbers) {
    lr = A(numbers[0]);
    first = numbers[1] != 0;
    unscale = A(numbers[2]);
  }

  [[gnu::always_inline]] MPAD_HD A direction(A p, A g) const { return unscale * g + decay * p; }
  [[gnu::always_inline]] MPAD_HD A buffer(A v, A d) const { return first ? d : momentum * v + d; }
  [[gnu::always_inline]] MPAD_HD A moved(A p, A d, A v) const { return p - lr * (of_gradient * d + of_buffer * v); }
  [[gnu::always_inline]] MPAD_HD A moved(A p, A d) const { return p - lr * d; }

  A lr = 0, decay, momentum, unscale = 1, of_gradient, of_buffer;
  bool first = false;
};

/// Algorithm 1 of the paper with its two corrections moved into the coefficients.
template <class A>
struct AdamUpdate {
  explicit AdamUpdate(const AdamStep& s)
      : beta1(A(s.beta1)),
        beta2(A(s.beta2)),
        share1(A(1 - s.beta1)),
        share2(A(1 - s.beta2)),
        epsilon(A(s.epsilon)),
        coupled_decay(A(s.decoupled ? 0 : s.weight_decay)) {
    take(numbers_of(s).data());
  }
  MPAD_HD static bool skips(const double* numbers) { return numbers[3] == 0; }
  MPAD_HD void take(const double* numbers) {
    rate = A(numbers[0]);
    correction2 = A(numbers[1]);
    kept = A(numbers[2]);
    unscale = A(numbers[3]);
  }

  [[gnu::always_inline]] MPAD_HD void operator()(A& p, A g, A& m, A& v) const {
    const A value = kept * p, d = unscale * g + coupled_decay * value;
    m = beta1 * m + share1 * d;
    v = beta2 * v + share2 * d * d;
    p = value - rate * m / (std::sqrt(v) / correction2 + epsilon);
  }

  A beta1, beta2, share1, share2, rate = 0, correction2 = 1, epsilon, unscale = 1, coupled_decay, kept = 1;
};

/// Calls f<M, G>() with the types of parameter and gradient.
template <class F>
void with_masters(const View& parameter, const View& grad, const F& f) {
  if (parameter.dtype == grad.dtype)
    with_type(parameter.dtype, [&]<class T>() { f.template operator()<T, T>(); });
  else
    f.template operator()<float, half>();
}

}  // namespace
}  // namespace mpad::kernels
