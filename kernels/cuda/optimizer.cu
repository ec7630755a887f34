// SPDX-License-Identifier: MIT
#include "elementwise.cuh"

#include <kernels.h>
#include <optimizer.h>

namespace mpad::kernels {
namespace {

// Behind the state comes, where parameters are master weights, their rounded copy.

template <class A>
struct SgdPlain {
  SgdUpdate<A> update;
  __device__ void operator()(A& p, A g, auto&... rounded) const {
    p = update.moved(p, update.direction(p, g));
    ((rounded = p), ...);
  }
};

template <class M>
struct SgdMomentum {
  using A = acc_t<M>;
  SgdUpdate<A> update;
  __device__ void operator()(A& p, A g, A& v, auto&... rounded_p) const {
    const A d = update.direction(p, g);
    v = rounded<M>(update.buffer(v, d));
    p = update.moved(p, d, v);
    ((rounded_p = p), ...);
  }
};

template <class A>
struct AdamMoments {
  AdamUpdate<A> update;
  __device__ void operator()(A& p, A g, A& m, A& v, auto&... rounded) const {
    update(p, g, m, v);
    ((rounded = p), ...);
  }
};

/// One of the above whose numbers are in device memory.
template <class F>
struct ByNumbers {
  F f;
  const double* numbers;
  __device__ bool is_idle() const { return f.update.skips(numbers); }
  __device__ void operator()(auto&... elements) const {
    F step = f;
    step.update.take(numbers);
    step(elements...);
  }
};

/// What all steps work on beside the gradient and the state.
struct Arrays {
  View parameter, rounded, numbers;
};

/// map over these arrays and, where M and G differ, the rounded copy.
template <class M, class G, class F, class... State>
void step_with(const char* op, Cuda where, const F& f, const Arrays& arrays, State... state) {
  const auto take = [&](const auto& step) {
    const auto p = in_out(arrays.parameter.as<M>());
    if constexpr (std::is_same_v<M, G>)
      map(op, where, arrays.parameter.numel(), step, p, state...);
    else
      map(op, where, arrays.parameter.numel(), step, p, state..., out(arrays.rounded.as<G>()));
  };
  if (arrays.numbers.data)
    take(ByNumbers<F>{f, arrays.numbers.as<const double>()});
  else
    take(f);
}

}  // namespace

template <>
void sgd_step(Cuda where, const SgdStep& step, View parameter, View grad, View momentum_buffer, View rounded,
              View numbers) {
  with_masters(parameter, grad, [&]<class M, class G>() {
    const SgdUpdate<acc_t<M>> update(step);
    const Arrays arrays{parameter, rounded, numbers};
    const auto g = in(grad.as<const G>());
    if (momentum_buffer.data)
      step_with<M, G>("sgd_step", where, SgdMomentum<M>{update}, arrays, g, in_out(momentum_buffer.as<M>()));
    else
      step_with<M, G>("sgd_step", where, SgdPlain<acc_t<M>>{update}, arrays, g);
  });
}

template <>
void adam_step(Cuda where, const AdamStep& step, View parameter, View grad, View first_moment, View second_moment,
               View rounded, View numbers) {
  with_masters(parameter, grad, [&]<class M, class G>() {
    using A = acc_t<M>;
    step_with<M, G>("adam_step", where, AdamMoments<A>{AdamUpdate<A>(step)}, {parameter, rounded, numbers},
                    in(grad.as<const G>()), in_out(first_moment.as<M>()), in_out(second_moment.as<M>()));
  });
}

}  // namespace mpad::kernels
