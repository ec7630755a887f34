// SPDX-License-Identifier: MIT
// What an optimizer's step does to one element, on every device. Coefficients are formed in double and rounded once to
// A, the type of the arithmetic. Internal linkage: cpu/isa.h says why.
#pragma once
#include <kernels.h>

#include <cmath>

namespace mpad::kernels {
namespace {

/// d = direction(p, g), v = buffer(v, d), p = moved(p, d, v) with v as it is stored; without momentum
/// p = moved(p, d).
template <class A>
struct SgdUpdate {
  explicit SgdUpdate(const SgdStep& s)
      : lr(A(s.lr)),
        decay(A(s.weight_decay)),
        momentum(A(s.momentum)),
        unscale(A(s.unscale)),
        of_gradient(A(s.nesterov ? 1 : 0)),
        of_buffer(A(s.nesterov ? s.momentum : 1)),
        first(s.first) {}

  [[gnu::always_inline]] MPAD_HD A direction(A p, A g) const { return unscale * g + decay * p; }
  [[gnu::always_inline]] MPAD_HD A buffer(A v, A d) const { return first ? d : momentum * v + d; }
  [[gnu::always_inline]] MPAD_HD A moved(A p, A d, A v) const { return p - lr * (of_gradient * d + of_buffer * v); }
  [[gnu::always_inline]] MPAD_HD A moved(A p, A d) const { return p - lr * d; }

  A lr, decay, momentum, unscale, of_gradient, of_buffer;
  bool first;
};

/// Algorithm 1 of the paper with its two corrections moved into the coefficients.
template <class A>
struct AdamUpdate {
  explicit AdamUpdate(const AdamStep& s)
      : beta1(A(s.beta1)),
        beta2(A(s.beta2)),
        share1(A(1 - s.beta1)),
        share2(A(1 - s.beta2)),
        rate(A(s.lr / (1 - std::pow(s.beta1, static_cast<double>(s.step))))),
        correction2(A(std::sqrt(1 - std::pow(s.beta2, static_cast<double>(s.step))))),
        epsilon(A(s.epsilon)),
        unscale(A(s.unscale)),
        coupled_decay(A(s.decoupled ? 0 : s.weight_decay)),
        kept(A(s.decoupled ? 1 - s.lr * s.weight_decay : 1)) {}

  [[gnu::always_inline]] MPAD_HD void operator()(A& p, A g, A& m, A& v) const {
    const A value = kept * p, d = unscale * g + coupled_decay * value;
    m = beta1 * m + share1 * d;
    v = beta2 * v + share2 * d * d;
    p = value - rate * m / (std::sqrt(v) / correction2 + epsilon);
  }

  A beta1, beta2, share1, share2, rate, correction2, epsilon, unscale, coupled_decay, kept;
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
