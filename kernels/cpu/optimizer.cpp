// SPDX-License-Identifier: MIT
// Coefficients are formed in double and rounded once to acc_t<T>; state in T is rounded once, at its store.
#include "elementwise.h"

#include <cmath>

namespace mpad::kernels {
namespace {

template <class T>
void sgd_plain(const SgdStep& step, T* parameter, const T* grad, std::int64_t size) {
  using A = acc_t<T>;
  const A lr = A(step.lr), decay = A(step.weight_decay);
  Block<T> parameters(parameter, size);
  Block<const T> grads(grad, size);
  A* p = parameters.load();
  const A* g = grads.load();
  MPAD_LANES
  for (std::int64_t i = 0; i < size; ++i) p[i] -= lr * (g[i] + decay * p[i]);
  parameters.store();
}

template <class T>
void sgd_momentum(const SgdStep& step, T* parameter, const T* grad, T* momentum_buffer, std::int64_t size) {
  using A = acc_t<T>;
  const A lr = A(step.lr), momentum = A(step.momentum), decay = A(step.weight_decay);
  const A kept = step.first ? A(0) : momentum;
  // The direction is of_gradient * d + of_buffer * buffer, with the buffer as it is stored.
  const A of_gradient = step.nesterov ? A(1) : A(0), of_buffer = step.nesterov ? momentum : A(1);
  Block<T> parameters(parameter, size), buffers(momentum_buffer, size);
  Block<const T> grads(grad, size);
  A *p = parameters.load(), *v = buffers.load();
  const A* g = grads.load();
  A d[kBlock];
  MPAD_LANES
  for (std::int64_t i = 0; i < size; ++i) {
    d[i] = g[i] + decay * p[i];
    v[i] = kept * v[i] + d[i];
  }
  buffers.store();
  buffers.load();
  MPAD_LANES
  for (std::int64_t i = 0; i < size; ++i) p[i] -= lr * (of_gradient * d[i] + of_buffer * v[i]);
  parameters.store();
}

// Algorithm 1 of the paper with its two corrections moved into the coefficients.
template <class T>
struct AdamUpdate {
  using A = acc_t<T>;
  explicit AdamUpdate(const AdamStep& s)
      : beta1(A(s.beta1)),
        beta2(A(s.beta2)),
        share1(A(1 - s.beta1)),
        share2(A(1 - s.beta2)),
        rate(A(s.lr / (1 - std::pow(s.beta1, static_cast<double>(s.step))))),
        correction2(A(std::sqrt(1 - std::pow(s.beta2, static_cast<double>(s.step))))),
        epsilon(A(s.epsilon)),
        coupled_decay(A(s.decoupled ? 0 : s.weight_decay)),
        kept(A(s.decoupled ? 1 - s.lr * s.weight_decay : 1)) {}

  MPAD_INLINE void operator()(A& p, A g, A& m, A& v) const {
    const A value = kept * p, d = g + coupled_decay * value;
    m = beta1 * m + share1 * d;
    v = beta2 * v + share2 * d * d;
    p = value - rate * m / (std::sqrt(v) / correction2 + epsilon);
  }

  A beta1, beta2, share1, share2, rate, correction2, epsilon, coupled_decay, kept;
};

}  // namespace

template <>
void sgd_step(Cpu, const SgdStep& step, View parameter, View grad, View momentum_buffer) {
  with_type(parameter.dtype, [&]<class T>() {
    T *p = parameter.as<T>(), *v = momentum_buffer.data ? momentum_buffer.as<T>() : nullptr;
    const T* g = grad.as<const T>();
    for_each_block(parameter.numel(), [&](std::int64_t begin, std::int64_t size) {
      if (v)
        sgd_momentum(step, p + begin, g + begin, v + begin, size);
      else
        sgd_plain(step, p + begin, g + begin, size);
    });
  });
}

template <>
void adam_step(Cpu, const AdamStep& step, View parameter, View grad, View first_moment, View second_moment) {
  with_type(parameter.dtype, [&]<class T>() {
    T *p = parameter.as<T>(), *m = first_moment.as<T>(), *v = second_moment.as<T>();
    const T* g = grad.as<const T>();
    for_each_block(parameter.numel(), [=, update = AdamUpdate<T>(step)](std::int64_t begin, std::int64_t size) {
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
