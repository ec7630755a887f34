// SPDX-License-Identifier: MIT
#include "elementwise.cuh"

#include <kernels.h>
#include <optimizer.h>

namespace mpad::kernels {
namespace {

template <class A>
struct SgdPlain {
  SgdUpdate<A> update;
  __device__ void operator()(A& p, A g) const { p = update.moved(p, update.direction(p, g)); }
};

template <class T>
struct SgdMomentum {
  using A = acc_t<T>;
  SgdUpdate<A> update;
  __device__ void operator()(A& p, A g, A& v) const {
    const A d = update.direction(p, g);
    v = rounded<T>(update.buffer(v, d));
    p = update.moved(p, d, v);
  }
};

}  // namespace

template <>
void sgd_step(Cuda where, const SgdStep& step, View parameter, View grad, View momentum_buffer) {
  with_type(parameter.dtype, [&]<class T>() {
    const SgdUpdate<acc_t<T>> update(step);
    const auto p = in_out(parameter.as<T>());
    const auto g = in(grad.as<const T>());
    if (momentum_buffer.data)
      map("sgd_step", where, parameter.numel(), SgdMomentum<T>{update}, p, g, in_out(momentum_buffer.as<T>()));
    else
      map("sgd_step", where, parameter.numel(), SgdPlain<acc_t<T>>{update}, p, g);
  });
}

template <>
void adam_step(Cuda where, const AdamStep& step, View parameter, View grad, View first_moment, View second_moment) {
  with_type(parameter.dtype, [&]<class T>() {
    map("adam_step", where, parameter.numel(), AdamUpdate<acc_t<T>>(step), in_out(parameter.as<T>()),
        in(grad.as<const T>()), in_out(first_moment.as<T>()), in_out(second_moment.as<T>()));
  });
}

}  // namespace mpad::kernels
