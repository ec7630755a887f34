// SPDX-License-Identifier: MIT
// Tie rules: which of the tied maxima of a window gets the gradient. Definitions, norms and sources: docs/jacobians.md.
//
// A rule is a functor. Its `weight(mask, i)` is the entry i of the Jacobian's row for a window whose tied set is `mask`
// (bit i set: element i, in row-major order over the window, equals the maximum). It is 0 outside the tied set, where
// no rule is asked. An optional `apply<A>(g, mask, i, window)` gives the weight times g for any element, in the type A,
// where a product would round differently or turn 0 * inf into NaN; `window` is the flat n,h,w,c index of the output. A
// rule whose `apply` is `choose(prepare(g, mask), mask, i)` lets a kernel make once for a window what its elements
// share.
#pragma once
#include <mpad/core/philox.h>
#include <mpad/core/types.h>

#include <bit>
#include <concepts>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace mpad {

/// Largest window, in elements, that a tie mask can describe.
inline constexpr int max_window = 64;

/// Smallest mask type for a window of `taps` elements: u8, u16, u32 or u64.
constexpr DType mask_dtype(std::int64_t taps) {
  return taps <= 8 ? DType::u8 : taps <= 16 ? DType::u16 : taps <= 32 ? DType::u32 : DType::u64;
}

namespace ties {

/// Masks have 64 bits, or 32 where a window is known to be so small.
template <class Bits>
MPAD_HD constexpr bool tied(Bits mask, int i) {
  return (mask >> i & 1) != 0;
}

template <class Bits>
MPAD_HD constexpr int count(Bits mask) {
#if defined(__CUDA_ARCH__)
  return sizeof(Bits) <= 4 ? __popc(mask) : __popcll(mask);
#else
  return std::popcount(static_cast<std::make_unsigned_t<Bits>>(mask));
#endif
}

/// Element i is the first tied one in row-major order.
template <class Bits>
MPAD_HD constexpr bool is_first(Bits mask, int i) {
  using Unsigned = std::make_unsigned_t<Bits>;
  const Unsigned one = 1, bit = one << i;
  return (static_cast<Unsigned>(mask) & (bit | (bit - 1))) == bit;
}

/// Element i is the last tied one in row-major order.
MPAD_HD constexpr bool is_last(std::uint64_t mask, int i) { return mask >> i == 1; }

/// `native`: the whole gradient to the first maximum; a limiting Jacobian (what PyTorch, TensorFlow and JAX do).
struct First {
  MPAD_HD constexpr double weight(std::uint64_t mask, int i) const { return is_first(mask, i) ? 1 : 0; }
  template <class A, class Bits>
  MPAD_HD constexpr A apply(A g, Bits mask, int i, std::uint64_t) const {
    return is_first(mask, i) ? g : A(0);
  }
};

/// `last`: the whole gradient to the last maximum; a limiting Jacobian.
struct Last {
  MPAD_HD constexpr double weight(std::uint64_t mask, int i) const { return is_last(mask, i) ? 1 : 0; }
  template <class A>
  MPAD_HD constexpr A apply(A g, std::uint64_t mask, int i, std::uint64_t) const {
    return is_last(mask, i) ? g : A(0);
  }
};

/// `minimal`: g / k to each of the k maxima; the element of least 2-norm of Clarke's subdifferential. The quotient is
/// rounded once, as a division.
struct Minimal {
  MPAD_HD constexpr double weight(std::uint64_t mask, int i) const { return tied(mask, i) ? 1.0 / count(mask) : 0; }
  /// A maximum's share.
  template <class A, class Bits>
  MPAD_HD constexpr A prepare(A g, Bits mask) const {
    return g / A(count(mask));
  }
  template <class A, class Bits>
  MPAD_HD constexpr A choose(A share, Bits mask, int i) const {
    return tied(mask, i) ? share : A(0);
  }
  template <class A, class Bits>
  MPAD_HD constexpr A apply(A g, Bits mask, int i, std::uint64_t) const {
    return choose(prepare(g, mask), mask, i);
  }
};

/// `beta:B`: B * minimal + (1 - B) * native. Weights sum to 1 for every B; B = 0 is native and B = 1 minimal, bit for
/// bit. In between and beyond, weights are formed in A and multiplied once: B / k, and for the first maximum what k - 1
/// of those leave of 1, which is 1 itself where there is no tie. B is finite in A.
struct Beta {
  template <class A>
  struct Shares {
    A first, other;
  };
  double beta;
  MPAD_HD constexpr double weight(std::uint64_t mask, int i) const { return apply(1.0, mask, i, 0); }
  /// The first maximum's share and the others'.
  template <class A, class Bits>
  MPAD_HD constexpr Shares<A> prepare(A g, Bits mask) const {
    if (beta == 0) return {g, A(0)};
    if (beta == 1) {
      const A share = Minimal{}.prepare(g, mask);
      return {share, share};
    }
    const A share = A(beta) / A(count(mask));
    return {g * (A(1) - share * A(count(mask) - 1)), g * share};
  }
  template <class A, class Bits>
  MPAD_HD constexpr A choose(const Shares<A>& shares, Bits mask, int i) const {
    return is_first(mask, i) ? shares.first : tied(mask, i) ? shares.other : A(0);
  }
  template <class A, class Bits>
  MPAD_HD constexpr A apply(A g, Bits mask, int i, std::uint64_t) const {
    return choose(prepare(g, mask), mask, i);
  }
};

/// `random:SEED`: the whole gradient to one maximum, drawn uniformly for each window from (seed, window).
struct Random {
  std::uint64_t seed;
  /// The expected weight, 1 / k; one window's draw is in `apply`.
  MPAD_HD constexpr double weight(std::uint64_t mask, int i) const { return Minimal{}.weight(mask, i); }
  template <class A>
  MPAD_HD constexpr A apply(A g, std::uint64_t mask, int i, std::uint64_t window) const {
    if (!tied(mask, i)) return A(0);
    const std::uint32_t winner = uniform_below(Philox(seed, window).word[0], static_cast<std::uint32_t>(count(mask)));
    const int rank = count(mask & ((std::uint64_t{1} << i) - 1));
    return static_cast<std::uint32_t>(rank) == winner ? g : A(0);
  }
};

/// `all`: the whole gradient to every maximum. Its weights sum to k: outside Clarke's subdifferential when k > 1. It
/// exists to reproduce old systems.
struct All {
  MPAD_HD constexpr double weight(std::uint64_t mask, int i) const { return tied(mask, i) ? 1 : 0; }
  template <class A>
  MPAD_HD constexpr A apply(A g, std::uint64_t mask, int i, std::uint64_t) const {
    return tied(mask, i) ? g : A(0);
  }
};

}  // namespace ties

/// What a functor needs to be a tie rule.
template <class R>
concept TieFunctor = requires(const R& rule, std::uint64_t mask, int i) {
  { rule.weight(mask, i) } -> std::convertible_to<double>;
};

template <class R>
concept HasApply = requires(const R& rule) {
  rule.template apply<float>(1.0F, std::uint64_t{1}, 0, std::uint64_t{0});
};

/// Entry i of the row times g: the rule's own `apply`, or else the weight of a tied element rounded to A, times g. The
/// mask may be passed as 32 bits where the window is so small.
template <class A, TieFunctor R, class Bits>
MPAD_HD constexpr A apply_rule(const R& rule, A g, Bits mask, int i, std::uint64_t window) {
  if constexpr (requires { rule.template apply<A>(g, mask, i, window); }) {
    return rule.template apply<A>(g, mask, i, window);
  } else {
    const A weight = ties::tied(mask, i) ? static_cast<A>(rule.weight(mask, i)) : A(0);
    return weight == A(0) ? A(0) : g * weight;
  }
}

/// A tie rule as a run-time value.
class TieRule {
 public:
  enum class Kind : unsigned char { native, last, minimal, beta, random, all, custom };

  /// `native`.
  TieRule() = default;
  static TieRule native() { return {}; }
  static TieRule last() { return TieRule(Kind::last); }
  static TieRule minimal() { return TieRule(Kind::minimal); }
  /// Throws Error unless B is finite.
  static TieRule beta(double beta);
  static TieRule random(std::uint64_t seed) { return TieRule(Kind::random, 0, seed); }
  static TieRule all() { return TieRule(Kind::all); }
  /// Any functor that is known by its weights alone, under a name of its own; maxpool_backward_with
  /// (kernels/cuda/maxpool_backward.cuh) takes those with an `apply` too.
  template <TieFunctor R>
  requires(!HasApply<R>) static TieRule custom(R functor, std::string name) {
    TieRule rule(Kind::custom);
    rule.custom_ = std::make_shared<Model<R>>(std::move(functor));
    rule.name_ = std::move(name);
    return rule;
  }

  /// Reads native, last, minimal, beta:B, random:SEED or all. Throws Error, with the nearest name, on anything else.
  static TieRule parse(std::string_view text);
  /// The text that parse reads back (for a custom rule, its name).
  std::string name() const;

  Kind kind() const { return kind_; }
  /// The B that places the rule in the beta family (native: 0, minimal: 1). Throws Error for rules outside it.
  double beta() const;

  /// Calls f with the functor: the one place where a rule becomes a type.
  template <class F>
  decltype(auto) visit(F&& f) const {
    switch (kind_) {
      case Kind::last: return f(ties::Last{});
      case Kind::minimal: return f(ties::Minimal{});
      case Kind::beta: return f(ties::Beta{beta_});
      case Kind::random: return f(ties::Random{seed_});
      case Kind::all: return f(ties::All{});
      case Kind::custom: return f(Custom{custom_.get()});
      case Kind::native: break;
    }
    return f(ties::First{});
  }

 private:
  struct Interface {
    virtual ~Interface() = default;
    virtual double weight(std::uint64_t mask, int i) const = 0;
  };
  template <class R>
  struct Model final : Interface {
    explicit Model(R functor) : rule(std::move(functor)) {}
    double weight(std::uint64_t mask, int i) const override { return rule.weight(mask, i); }
    R rule;
  };
  struct Custom {
    const Interface* rule;
    double weight(std::uint64_t mask, int i) const { return rule->weight(mask, i); }
  };

  explicit TieRule(Kind kind, double beta = 0, std::uint64_t seed = 0) : kind_(kind), beta_(beta), seed_(seed) {}

  Kind kind_ = Kind::native;
  double beta_ = 0;
  std::uint64_t seed_ = 0;
  std::shared_ptr<const Interface> custom_{};
  std::string name_{};
};

/// Type in which contributions of overlapping windows are summed and weights applied: the tensor's own, or acc_t of it.
enum class Accumulate : unsigned char { wide, narrow };

}  // namespace mpad
