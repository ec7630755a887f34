// SPDX-License-Identifier: MIT
// The tie rules as lane rules: the arithmetic of each rule's `apply` (mpad/core/jacobian.h), bit for bit, without
// branches.
#pragma once
#include "maxpool_gather.h"

namespace mpad::kernels {
namespace {

/// Masks of windows of up to 16 elements, for which rules have a lane form.
template <class M>
concept SmallMask = sizeof(M) <= 2;

/// Lanes of the masks: as wide as the values.
template <class M, class A>
using MaskLane = UnsignedOf<sizeof(acc_t<A>)>;

/// Any rule as its functor says, element after element: random, custom, and every rule on the masks of large windows,
/// where one loop that asks at run time serves all.
template <class M, class A>
struct AnyRule {
  static constexpr bool vectorised = false;
  const TieRule* ties;
  struct Tap {
    const TieRule* ties;
    int i;
    acc_t<A> operator()(acc_t<A> g, M mask, std::int64_t o) const {
      return ties->visit([&](const auto& rule) {
        return static_cast<acc_t<A>>(apply_rule(rule, static_cast<A>(g), mask, i, static_cast<std::uint64_t>(o)));
      });
    }
  };
  Tap at(int i) const { return {ties, i}; }
};

/// native, last and all: the whole gradient where the mask, seen through `part`, is the tap's own bit.
template <class M, class A>
struct WholeRule {
  static constexpr bool vectorised = true;
  TieRule::Kind kind;
  struct Tap {
    Whole<MaskLane<M, A>> whole;
    MPAD_INLINE acc_t<A> operator()(acc_t<A> g, M mask, std::int64_t) const {
      return whole.takes(mask) ? g : acc_t<A>(0);
    }
  };
  Tap at(int i) const { return {whole<MaskLane<M, A>>(i)}; }
  template <class U>
  Whole<U> whole(int i) const {
    const TapBits<U> tap(i);
    const U part = kind == TieRule::Kind::native ? tap.up_to : kind == TieRule::Kind::last ? tap.from : tap.bit;
    return {part, tap.bit};
  }
};

template <class M, class A>
struct MinimalRule {
  static constexpr bool vectorised = true;
  struct Tap : TapBits<MaskLane<M, A>> {
    MPAD_INLINE acc_t<A> operator()(acc_t<A> g, M mask, std::int64_t) const {
      using V = acc_t<A>;
      const V share = rounded<A>(g / static_cast<V>(tie_count<M, MaskLane<M, A>>(mask)));
      return this->tied(mask) ? share : V(0);
    }
  };
  Tap at(int i) const { return Tap{TapBits<MaskLane<M, A>>(i)}; }
};

template <class M, class A>
struct BetaRule {
  static constexpr bool vectorised = true;
  A beta;
  struct Tap : TapBits<MaskLane<M, A>> {
    acc_t<A> beta;
    MPAD_INLINE acc_t<A> operator()(acc_t<A> g, M mask, std::int64_t) const {
      using V = acc_t<A>;
      const V count = static_cast<V>(tie_count<M, MaskLane<M, A>>(mask)), share = rounded<A>(beta / count);
      const V first = rounded<A>(V(1) - rounded<A>(share * (count - V(1)))),
              weight = this->is_first(mask) ? first : share;
      return this->tied(mask) ? rounded<A>(g * weight) : V(0);
    }
  };
  Tap at(int i) const { return {TapBits<MaskLane<M, A>>(i), static_cast<acc_t<A>>(beta)}; }
};

/// Calls f with the lane form of the rule, for sums in A.
template <class M, class A, class F>
void visit_lanes(const TieRule& ties, const F& f) {
  using Kind = TieRule::Kind;
  if constexpr (SmallMask<M>) {
    switch (ties.kind()) {
      case Kind::native:
      case Kind::last:
      case Kind::all: return f(WholeRule<M, A>{ties.kind()});
      case Kind::minimal: return f(MinimalRule<M, A>{});
      case Kind::beta:
        // The two members of the family that are other rules by name are so bit for bit.
        if (ties.beta() == 0) return f(WholeRule<M, A>{Kind::native});
        if (ties.beta() == 1) return f(MinimalRule<M, A>{});
        return f(BetaRule<M, A>{static_cast<A>(ties.beta())});
      case Kind::random:
      case Kind::custom: break;
    }
  }
  f(AnyRule<M, A>{&ties});
}

/// Calls f.operator()<A>(lane rule) with the type A that terms and sums are rounded to.
template <class T, class M, class F>
void visit_sums(const TieRule& ties, Accumulate accumulate, const F& f) {
  const auto run = [&]<class A>() {
    visit_lanes<M, A>(ties, [&](const auto& rule) { f.template operator()<A>(rule); });
  };
  if (accumulate == Accumulate::wide)
    run.template operator()<acc_t<T>>();
  else
    run.template operator()<T>();
}

}  // namespace
}  // namespace mpad::kernels
