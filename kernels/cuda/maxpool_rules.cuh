// SPDX-License-Identifier: MIT
// The tie rules of mpad/core/jacobian.h in the forms that kernels take.
#pragma once
#include "graph.h"
#include "rounded_half.cuh"
#include "scratch.h"

#include <mpad/core/error.h>
#include <mpad/core/jacobian.h>

#include <type_traits>
#include <vector>

namespace mpad::kernels {

/// native, last and all as one type: the whole gradient where the mask, seen through a part of it, is the tap's own
/// bit.
struct WholeRule {
  TieRule::Kind kind;
  __device__ double weight(std::uint64_t mask, int i) const { return apply(1.0, mask, i, 0); }
  template <class A, class Bits>
  __device__ A apply(A g, Bits mask, int i, std::uint64_t) const {
    const Bits bit = Bits{1} << i, up_to = bit | (bit - 1), from = ~(bit - 1);
    const Bits part = kind == TieRule::Kind::native ? up_to : kind == TieRule::Kind::last ? from : bit;
    return (mask & part) == bit ? g : A(0);
  }
};

/// The weights of a rule for every mask of a window: what a functor that only the host can call becomes.
struct TableRule {
  const double* weights;
  int taps;
  __device__ double weight(std::uint64_t mask, int i) const { return weights[mask * taps + i]; }
};

/// Any rule, chosen at run time.
struct AnyRule {
  TieRule::Kind kind = TieRule::Kind::native;
  ties::Beta beta{0};
  ties::Random random{0};
  TableRule table{nullptr, 0};

  __device__ double weight(std::uint64_t mask, int i) const { return apply(1.0, mask, i, 0); }
  template <class A>
  __device__ A apply(A g, std::uint64_t mask, int i, std::uint64_t window) const {
    switch (kind) {
      case TieRule::Kind::minimal: return apply_rule(ties::Minimal{}, g, mask, i, window);
      case TieRule::Kind::beta: return apply_rule(beta, g, mask, i, window);
      case TieRule::Kind::random: return apply_rule(random, g, mask, i, window);
      case TieRule::Kind::custom: return apply_rule(table, g, mask, i, window);
      default: return apply_rule(WholeRule{kind}, g, mask, i, window);
    }
  }
};

/// Puts the weights of `rule` for all masks of `taps` elements on the device.
template <TieFunctor Rule>
TableRule tabulate(const char* op, Cuda where, const Rule& rule, int taps) {
  constexpr int most = 12;
  if (taps > most)
    throw Error(std::string(op) + ": expected a window of at most " + std::to_string(most) +
                " elements for a custom tie rule on cuda, got " + std::to_string(taps));
  // A recorded copy would read the host's memory again, which is somebody else's by then.
  if (cuda::is_recording())
    throw Error(std::string(op) + ": expected no custom tie rule in what is recorded as a graph, got one");
  std::vector<double> weights;
  for (std::uint64_t mask = 0; mask < std::uint64_t{1} << taps; ++mask)
    for (int i = 0; i < taps; ++i) weights.push_back(rule.weight(mask, i));
  const auto count = static_cast<std::int64_t>(weights.size());
  double* table = cuda::scratch<double>(where, Scratch::weights, count);
  const auto stream = static_cast<cudaStream_t>(where.stream);
  check_cuda(op,
             cudaMemcpyAsync(table, weights.data(), weights.size() * sizeof(double), cudaMemcpyHostToDevice, stream));
  check_cuda(op, cudaStreamSynchronize(stream));  // the copy may read the vector until then
  return {table, taps};
}

/// The rule as a type that serves all.
inline AnyRule any_rule(const char* op, Cuda where, const TieRule& ties, int taps) {
  AnyRule any{ties.kind()};
  ties.visit([&](const auto& rule) {
    using Rule = std::decay_t<decltype(rule)>;
    if constexpr (std::is_same_v<Rule, ties::Beta>) any.beta = rule;
    if constexpr (std::is_same_v<Rule, ties::Random>) any.random = rule;
    if (ties.kind() == TieRule::Kind::custom) any.table = tabulate(op, where, rule, taps);
  });
  return any;
}

/// Calls f with a type for this rule if it is one of those that have kernels of their own.
template <class F>
void visit_common_rule(const TieRule& ties, const F& f) {
  using Kind = TieRule::Kind;
  switch (ties.kind()) {
    case Kind::native:
    case Kind::last:
    case Kind::all: return f(WholeRule{ties.kind()});
    case Kind::minimal: return f(ties::Minimal{});
    case Kind::beta:
      // The two members of the family that are other rules by name are so bit for bit.
      if (ties.beta() == 0) return f(WholeRule{Kind::native});
      if (ties.beta() == 1) return f(ties::Minimal{});
      return f(ties::Beta{ties.beta()});
    case Kind::random:
    case Kind::custom: return;
  }
}

/// Calls f.operator()<A>() with the type that terms and sums are rounded to.
template <class T, class F>
void with_sum_type(Accumulate accumulate, const F& f) {
  if constexpr (std::is_same_v<T, half>)
    if (accumulate == Accumulate::narrow) return f.template operator()<RoundedHalf>();
  f.template operator()<acc_t<T>>();
}

}  // namespace mpad::kernels
