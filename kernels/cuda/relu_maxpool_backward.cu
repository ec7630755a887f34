// SPDX-License-Identifier: MIT
#include "maxpool_backward.cuh"

#include <kernels.h>

namespace mpad::kernels {
namespace {

/// A tie functor, with what a code means: the bit that flags a window without a positive element, and ReLU'(0).
template <class T, class Rule>
struct ReluRule {
  Rule pool;
  int flag;
  acc_t<T> alpha;
};

/// The pool's sum, rounded to T as the pool's gradient is, then ReLU's derivative. An element in no flagged window is
/// either tied, so positive (or NaN), or has gradient 0, so its sign is needed in neither case.
template <class T, class A>
struct ReluPoolSum {
  static constexpr bool wants_inside = true;
  PoolSum<T, A> sum{};
  bool flagged = false, zero = false;

  template <class Rule>
  __device__ void add(const Rule& rule, T g, std::uint64_t code, int tap, std::uint64_t inside, std::uint64_t output) {
    const bool flat = ties::tied(code, rule.flag);
    sum.add(rule.pool, g, flat ? inside : code, tap, inside, output);
    flagged |= flat;
    zero |= flat && ties::tied(code, tap);
  }
  template <class Rule>
  __device__ T result(const Rule& rule) const {
    const T grad = sum.result(rule.pool), nothing = narrow<T>(0);
    const T at_zero = rule.alpha == 0 ? nothing : narrow<T>(rule.alpha * widen(grad));  // 0 * inf must not make NaN
    return !flagged ? grad : zero ? at_zero : nothing;
  }
};

}  // namespace

template <>
void relu_maxpool_backward(Cuda where, const Sliding& s, const TieRule& ties, Accumulate accumulate, double alpha,
                           View grad_y, View code, View grad_x) {
  const int taps = static_cast<int>(s.window.taps());
  with_type(grad_y.dtype, [&]<class T>() {
    const auto wrap = [&]<class Rule>(const Rule& rule) {
      return ReluRule<T, Rule>{rule, taps, static_cast<acc_t<T>>(alpha)};
    };
    with_mask_type(code.dtype, [&]<class M>() {
      with_sum_type<T>(accumulate, [&]<class A>() {
        gather<T, M, ReluPoolSum<T, A>>({"relu_maxpool_backward", where, s, grad_y, code, grad_x}, ties, wrap);
      });
    });
  });
}

}  // namespace mpad::kernels
