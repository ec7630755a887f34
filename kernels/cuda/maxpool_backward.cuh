// SPDX-License-Identifier: MIT
// Launches of the gather. maxpool_backward_with() compiles a functor of your own in, which TieRule::custom cannot.
#pragma once
#include "maxpool_gather.cuh"
#include "maxpool_rules.cuh"

namespace mpad::kernels {

/// One gather to launch.
struct PoolGather {
  const char* op;
  Cuda where;
  Sliding sliding;
  View grad_y, mask, grad_x;

  template <class T, class M>
  bool is_special() const {
    return special_kernel_of<M> > 0 && special_kernel(sliding.window) == special_kernel_of<M> && is_packed<T>();
  }
  template <class T>
  bool is_packed() const {
    return in_packs<full_pack<T>>(sliding.c, {grad_y, mask, grad_x});
  }
  template <class T, class M, class... Parameters, class... Args>
  void run(void (*kernel)(Parameters...), const PoolGrid& grid, const Args&... args) const {
    launch(op, kernel, grid.blocks(), dim3(pool_threads), 0, static_cast<cudaStream_t>(where.stream), sliding, grid,
           args..., grad_y.as<const T>(), mask.as<const M>(), grad_x.as<T>());
  }
};

/// For windows that have a kernel of their own.
template <class T, class M, class Sum, class Rule>
void gather_special(const PoolGather& g, const Rule& rule) {
  if constexpr (constexpr int K = special_kernel_of<M>, size = full_pack<T>; K > 0) {
    const Sliding& s = g.sliding;
    const PoolBlocks blocks(s, K);
    g.run<T, M>(pool_gather_blocks<K, size, T, M, Sum, Rule>, PoolGrid(s.n, blocks.count.h, blocks.count.w, s.c, size),
                blocks, rule);
  }
}

template <class T, class M, class Sum, class Rule>
void gather_general(const PoolGather& g, const Rule& rule) {
  constexpr int size = full_pack<T>;
  const Sliding& s = g.sliding;
  const auto& [kernel, stride, pad, dilation] = s.window;
  const PoolAxis vertical(s.oh, kernel.h, stride.h, pad.h, dilation.h);
  const PoolAxis horizontal(s.ow, kernel.w, stride.w, pad.w, dilation.w);
  if (g.is_packed<T>())
    g.run<T, M>(pool_gather<size, T, M, Sum, Rule>, PoolGrid(s.n, s.h, s.w, s.c, size), vertical, horizontal, rule);
  else
    g.run<T, M>(pool_gather<1, T, M, Sum, Rule>, PoolGrid(s.n, s.h, s.w, s.c, 1), vertical, horizontal, rule);
}

/// Runs the gather with one functor.
template <class T, class M, class Sum, class Rule>
void gather(const PoolGather& g, const Rule& rule) {
  if (g.is_special<T, M>())
    gather_special<T, M, Sum>(g, rule);
  else
    gather_general<T, M, Sum>(g, rule);
}

/// Runs the gather with a rule known at run time; wrap(functor) is what the sum takes.
template <class T, class M, class Sum, class Wrap>
void gather(const PoolGather& g, const TieRule& ties, const Wrap& wrap) {
  bool done = false;
  if (g.is_special<T, M>())
    visit_common_rule(ties, [&](const auto& rule) {
      gather_special<T, M, Sum>(g, wrap(rule));
      done = true;
    });
  const int taps = static_cast<int>(g.sliding.window.taps());
  if (!done) gather_general<T, M, Sum>(g, wrap(any_rule(g.op, g.where, ties, taps)));
}

/// maxpool_backward with the functor itself, for gradients of T, masks of M and sums in A (acc_t<T>, or RoundedHalf for
/// narrow sums of half).
template <class T, class M, class A = acc_t<T>, TieFunctor Rule>
void maxpool_backward_with(Cuda where, const Sliding& s, const Rule& rule, View grad_y, View mask, View grad_x) {
  gather<T, M, PoolSum<T, A>>({"maxpool_backward", where, s, grad_y, mask, grad_x}, rule);
}

}  // namespace mpad::kernels
