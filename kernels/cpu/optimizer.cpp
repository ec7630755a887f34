// SPDX-License-Identifier: MIT
// State in T is rounded once, at its store.
#include "elementwise.h"

#include <optimizer.h>

namespace mpad::kernels {
namespace {

template <class T>
void sgd_plain(const SgdUpdate<acc_t<T>>& update, T* parameter, const T* grad, std::int64_t size) {
  Block<T> parameters(parameter, size);
  Block<const T> grads(grad, size);
  acc_t<T>* p = parameters.load();
  const acc_t<T>* g = grads.load();
  MPAD_LANES
  for (std::int64_t i = 0; i < size; ++i) p[i] = update.moved(p[i], update.direction(p[i], g[i]));
  parameters.store();
}

template <class T>
void sgd_momentum(const SgdUpdate<acc_t<T>>& update, T* parameter, const T* grad, T* momentum_buffer,
                  std::int64_t size) {
  using A = acc_t<T>;
  Block<T> parameters(parameter, size), buffers(momentum_buffer, size);
  Block<const T> grads(grad, size);
  A *p = parameters.load(), *v = buffers.load();
  const A* g = grads.load();
  A d[kBlock];
  MPAD_LANES
  for (std::int64_t i = 0; i < size; ++i) {
    d[i] = update.direction(p[i], g[i]);
    v[i] = update.buffer(v[i], d[i]);
  }
  buffers.store();
  buffers.load();
  MPAD_LANES
  for (std::int64_t i = 0; i < size; ++i) p[i] = update.moved(p[i], d[i], v[i]);
  parameters.store();
}

}  // namespace

template <>
void sgd_step(Cpu, const SgdStep& step, View parameter, View grad, View momentum_buffer) {
  with_type(parameter.dtype, [&]<class T>() {
    T *p = parameter.as<T>(), *v = momentum_buffer.data ? momentum_buffer.as<T>() : nullptr;
    const T* g = grad.as<const T>();
    const SgdUpdate<acc_t<T>> update(step);
    for_each_block(parameter.numel(), [&](std::int64_t begin, std::int64_t size) {
      if (v)
        sgd_momentum(update, p + begin, g + begin, v + begin, size);
      else
        sgd_plain(update, p + begin, g + begin, size);
    });
  });
}

template <>
void adam_step(Cpu, const AdamStep& step, View parameter, View grad, View first_moment, View second_moment) {
  with_type(parameter.dtype, [&]<class T>() {
    T *p = parameter.as<T>(), *m = first_moment.as<T>(), *v = second_moment.as<T>();
    const T* g = grad.as<const T>();
    for_each_block(parameter.numel(), [=, update = AdamUpdate<acc_t<T>>(step)](std::int64_t begin, std::int64_t size) {
      Block<T> parameters(p + begin, size), firsts(m + begin, size), seconds(v + begin, size);
      Block<const T> grads(g + begin, size);
      auto *pp = parameters.load(), *mm = firsts.load(), *vv = seconds.load();
      const auto* gg = grads.load();
      MPAD_LANES
      for (std::int64_t i = 0; i < size; ++i) update(pp[i], gg[i], mm[i], vv[i]);
      firsts.store();
      seconds.store();
      parameters.store();
    });
  });
}

}  // namespace mpad::kernels
