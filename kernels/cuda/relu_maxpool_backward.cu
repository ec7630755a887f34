// SPDX-License-Identifier: MIT
#include "maxpool_backward.cuh"
#include "sum_rows.cuh"

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
  template <class Pool, class Bits>
  struct Term {
    Pool pool;
    Bits code;
  };
  PoolSum<T, A> sum{};
  bool flagged = false, zero = false;

  template <class Rule, class Bits>
  __device__ static auto term(const Rule& rule, T g, Bits code, Bits inside) {
    const auto pool = PoolSum<T, A>::term(rule.pool, g, ties::tied(code, rule.flag) ? inside : code, inside);
    return Term<std::decay_t<decltype(pool)>, Bits>{pool, code};
  }
  template <class Rule, class Term>
  __device__ void add(const Rule& rule, const Term& term, int tap, std::uint64_t output) {
    const bool flat = ties::tied(term.code, rule.flag);
    sum.add(rule.pool, term.pool, tap, output);
    flagged |= flat;
    zero |= flat && ties::tied(term.code, tap);
  }
  template <class Rule>
  __device__ T result(const Rule& rule) const {
    const T grad = sum.result(rule.pool), nothing = narrow<T>(0);
    const T at_zero = rule.alpha == 0 ? nothing : narrow<T>(rule.alpha * widen(grad));  // 0 * inf must not make NaN
    return !flagged ? grad : zero ? at_zero : nothing;
  }
};

/// The same where ReLU'(0) = 0, in half the instructions: a flagged window adds nothing to its elements, and other
/// windows nothing to those that are in a flagged one.
template <class T, class A>
struct PositivePoolSum {
  static constexpr bool wants_inside = false;
  PoolSum<T, A> sum{};

  template <class Rule, class Bits>
  __device__ static auto term(const Rule& rule, T g, Bits code, Bits inside) {
    return PoolSum<T, A>::term(rule.pool, ties::tied(code, rule.flag) ? narrow<T>(0) : g, code, inside);
  }
  template <class Rule, class Term>
  __device__ void add(const Rule& rule, const Term& term, int tap, std::uint64_t output) {
    sum.add(rule.pool, term, tap, output);
  }
  template <class Rule>
  __device__ T result(const Rule& rule) const {
    return sum.result(rule.pool);
  }
};

/// Of 2x2 windows that cover the image: each output's gradient, which becomes those of its window's elements. They are
/// stored, and summed as sum_rows() sums them.
template <class T, class M, class Sum, class Rule>
struct ExpandedWindows {
  static constexpr int least_rows = EachBlock::least_rows, ahead = 4;
  const T* grad_y;
  const M* code;
  T* grad_x;
  Rule rule;
  EachBlock blocks;

  template <int size>
  struct Loaded {
    Pack<T, size> grads;
    Pack<M, size> codes;
  };
  template <int size>
  __device__ Loaded<size> load(std::int64_t at) const {
    return {kernels::load<size>(grad_y + at), kernels::load<size>(code + at)};
  }
  template <int size>
  __device__ Pack<acc_t<T>, size> use(const Loaded<size>& loaded, std::int64_t at) const {
    using Output = PoolOutput<T, M, size, Sum, Rule>;
    T* const first = grad_x + blocks.first(at);
    Output output;
    output.index = at;
    output.set(rule, loaded.grads, loaded.codes, {});
    Pack<acc_t<T>, size> sums = {};
#pragma unroll
    for (int tap = 0; tap < EachBlock::elements; ++tap) {
      Sum sum[size];
      output.add_to(sum, rule, tap);
      const Pack<T, size> values = store_sums<size>(first + blocks.offset(tap), sum, rule);
#pragma unroll
      for (int e = 0; e < size; ++e) sums.element[e] += widen(values.element[e]);
    }
    return sums;
  }
};

/// Expands and sums in one pass; false for windows and rules that have no such kernel.
template <class T, class M, class A, class Wrap>
bool expand_and_sum(const PoolGather& g, const TieRule& ties, const Wrap& wrap, View sums) {
  bool done = false;
  const Sliding& s = g.sliding;
  if constexpr (special_kernel_of<M> == 2)
    if (g.is_special<T, M>() && s.h == 2 * s.oh && s.w == 2 * s.ow)
      visit_common_rule(ties, [&](const auto& rule) {
        const auto wrapped = wrap(rule);
        const ExpandedWindows<T, M, PositivePoolSum<T, A>, std::decay_t<decltype(wrapped)>> windows{
            g.grad_y.as<const T>(), g.mask.as<const M>(), g.grad_x.as<T>(), wrapped, EachBlock(s.ow, s.c)};
        sum_packs<T, full_pack<T>>(g.op, g.where, s.n * s.oh * s.ow, s.c, windows, sums.as<T>());
        done = true;
      });
  return done;
}

/// Runs the gather of PositivePoolSum, for the windows and rules that have kernels of their own; false for others.
template <class T, class M, class A, class Wrap>
bool gather_positive(const PoolGather& g, const TieRule& ties, const Wrap& wrap) {
  bool done = false;
  if (g.is_special<T, M>())
    visit_common_rule(ties, [&](const auto& rule) {
      gather_special<T, M, PositivePoolSum<T, A>>(g, wrap(rule));
      done = true;
    });
  return done;
}

}  // namespace

template <>
void relu_maxpool_backward(Cuda where, const Sliding& s, const TieRule& ties, Accumulate accumulate, double alpha,
                           View grad_y, View code, View grad_x) {
  const int taps = static_cast<int>(s.window.taps());
  const PoolGather g{"relu_maxpool_backward", where, s, grad_y, code, grad_x};
  with_type(grad_y.dtype, [&]<class T>() {
    const auto wrap = [&]<class Rule>(const Rule& rule) {
      return ReluRule<T, Rule>{rule, taps, static_cast<acc_t<T>>(alpha)};
    };
    with_mask_type(code.dtype, [&]<class M>() {
      with_sum_type<T>(accumulate, [&]<class A>() {
        if (alpha == 0 && gather_positive<T, M, A>(g, ties, wrap)) return;
        gather<T, M, ReluPoolSum<T, A>>(g, ties, wrap);
      });
    });
  });
}

template <>
void relu_maxpool_backward_sum_rows(Cuda where, const Sliding& s, const TieRule& ties, Accumulate accumulate,
                                    View grad_y, View code, View grad_x, View sums) {
  const int taps = static_cast<int>(s.window.taps());
  const PoolGather g{"relu_maxpool_backward", where, s, grad_y, code, grad_x};
  bool done = false;
  if (accumulate == Accumulate::wide && grad_y.numel() > 0)
    with_type(grad_y.dtype, [&]<class T>() {
      const auto wrap = [&]<class Rule>(const Rule& rule) { return ReluRule<T, Rule>{rule, taps, acc_t<T>(0)}; };
      with_mask_type(code.dtype, [&]<class M>() { done = expand_and_sum<T, M, acc_t<T>>(g, ties, wrap, sums); });
    });
  if (done) return;
  relu_maxpool_backward(where, s, ties, accumulate, 0, grad_y, code, grad_x);
  sum_rows(where, grad_x, sums);
}

}  // namespace mpad::kernels
