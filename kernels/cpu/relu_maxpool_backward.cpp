// SPDX-License-Identifier: MIT
#include "maxpool_rules.h"

namespace mpad::kernels {
namespace {

/// A pool's lane rule, with what a code means: the bit that flags a window without a positive element, and ReLU'(0),
/// which is 0 unless `has_alpha`.
template <class T, class Rule, bool has_alpha>
struct ReluRule {
  static constexpr bool vectorised = Rule::vectorised, scales = has_alpha;
  Rule pool;
  int flag;
  acc_t<T> alpha;
  auto at(int i) const { return pool.at(i); }
  template <class U>
  Whole<U> whole(int i) const requires(Moves<Rule> && !has_alpha) {
    const Whole<U> of_pool = pool.template whole<U>(i);
    return {static_cast<U>(of_pool.part | U{1} << flag), of_pool.bit};
  }
};

/// The pool's sum, rounded to T as the pool's gradient is, then ReLU's derivative. An element in no flagged window is
/// either tied, so positive (or NaN), or has gradient 0, so its sign is needed in neither case.
template <class T, class M, class A>
struct ReluPoolSum {
  static constexpr bool wants_inside = true;
  using U = UnsignedOf<std::max(sizeof(M), sizeof(acc_t<A>))>;
  acc_t<A> value = 0;
  U flagged = 0, zero = 0;

  template <int count>
  struct Array {
    acc_t<A> value[count] = {};
    U flagged[count] = {}, zero[count] = {};
    MPAD_INLINE ReluPoolSum at(std::int64_t c) const { return {value[c], flagged[c], zero[c]}; }
    MPAD_INLINE void put(std::int64_t c, const ReluPoolSum& sum) {
      value[c] = sum.value;
      flagged[c] = sum.flagged;
      zero[c] = sum.zero;
    }
  };

  template <class Rule, class Tap>
  MPAD_INLINE void add(const Rule& rule, const Tap& tap, const Holder& window, acc_t<A> g, M code, std::int64_t o) {
    const U bits = code, flat = bits >> rule.flag & 1;
    const M mask = static_cast<M>(flat != 0 ? static_cast<U>(window.inside) : bits);
    value = rounded<A>(value + tap(g, mask, o));
    flagged |= flat;
    zero |= flat & bits >> window.tap;
  }
  template <class Rule>
  MPAD_INLINE acc_t<T> result(const Rule& rule) const {
    if constexpr (!Rule::scales) return flagged != 0 ? acc_t<T>(0) : value;  // rounded where it is stored
    const acc_t<T> grad = rounded<T>(value), scaled = rule.alpha * grad;
    const acc_t<T> below = zero != 0 ? scaled : acc_t<T>(0);
    return flagged != 0 ? below : grad;
  }
};

}  // namespace

template <>
void relu_maxpool_backward(Cpu, const Sliding& s, const TieRule& ties, Accumulate accumulate, double alpha, View grad_y,
                           View code, View grad_x) {
  const int taps = static_cast<int>(s.window.taps());
  with_type(grad_y.dtype, [&]<class T>() {
    with_mask_type(code.dtype, [&]<class M>() {
      visit_sums<T, M>(ties, accumulate, [&]<class A, class Rule>(const Rule& rule) {
        const auto at_zero = static_cast<acc_t<T>>(alpha);
        const auto run = [&]<bool has_alpha>() {
          const ReluRule<T, Rule, has_alpha> fused{rule, taps, at_zero};
          gather<T, M, A, ReluPoolSum<T, M, A>>(s, fused, grad_y, code, grad_x);
        };
        at_zero == 0 ? run.template operator()<false>() : run.template operator()<true>();
      });
    });
  });
}

template <>
void relu_maxpool_backward_sum_rows(Cpu cpu, const Sliding& s, const TieRule& ties, Accumulate accumulate, View grad_y,
                                    View code, View grad_x, View sums) {
  relu_maxpool_backward(cpu, s, ties, accumulate, 0, grad_y, code, grad_x);
  sum_rows(cpu, grad_x, sums);
}

}  // namespace mpad::kernels
