// SPDX-License-Identifier: MIT
// State in M is rounded once, at its store; gradients are of type G.
#include "elementwise.h"

#include <optimizer.h>

namespace mpad::kernels {
namespace {

/// Whether there is no step.
template <class Update>
bool is_skipped(const View& numbers) {
  return numbers.data && Update::skips(numbers.as<const double>());
}

/// A step's coefficients; those that change are the numbers', if there are any.
template <class Update, class Step>
Update update_of(const Step& step, const View& numbers) {
  Update update(step);
  if (numbers.data) update.take(numbers.as<const double>());
  return update;
}

/// A block of the copy that the network computes with, where parameters are master weights.
template <class M, class G>
void round_masters(const M* parameter, const View& rounded, std::int64_t begin, std::int64_t size) {
  if constexpr (!std::is_same_v<M, G>) narrow_all(parameter + begin, rounded.as<G>() + begin, size);
}

template <class M, class G>
void sgd_plain(const SgdUpdate<acc_t<M>>& update, M* parameter, const G* grad, std::int64_t size) {
  Block<M> parameters(parameter, size);
  Block<const G> grads(grad, size);
  acc_t<M>* p = parameters.load();
  const acc_t<M>* g = grads.load();
  MPAD_LANES
  for (std::int64_t i = 0; i < size; ++i) p[i] = update.moved(p[i], update.direction(p[i], g[i]));
  parameters.store();
}

template <class M, class G>
void sgd_momentum(const SgdUpdate<acc_t<M>>& update, M* parameter, const G* grad, M* momentum_buffer,
                  std::int64_t size) {
  using A = acc_t<M>;
  Block<M> parameters(parameter, size), buffers(momentum_buffer, size);
  Block<const G> grads(grad, size);
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
void sgd_step(Cpu, const SgdStep& step, View parameter, View grad, View momentum_buffer, View rounded, View numbers) {
  with_masters(parameter, grad, [&]<class M, class G>() {
    if (is_skipped<SgdUpdate<acc_t<M>>>(numbers)) return;
    M *p = parameter.as<M>(), *v = momentum_buffer.data ? momentum_buffer.as<M>() : nullptr;
    const G* g = grad.as<const G>();
    const auto update = update_of<SgdUpdate<acc_t<M>>>(step, numbers);
    for_each_block(parameter.numel(), [&](std::int64_t begin, std::int64_t size) {
      if (v)
        sgd_momentum(update, p + begin, g + begin, v + begin, size);
      else
        sgd_plain(update, p + begin, g + begin, size);
      round_masters<M, G>(p, rounded, begin, size);
    });
  });
}

template <>
void adam_step(Cpu, const AdamStep& step, View parameter, View grad, View first_moment, View second_moment,
               View rounded, View numbers) {
  with_masters(parameter, grad, [&]<class M, class G>() {
    if (is_skipped<AdamUpdate<acc_t<M>>>(numbers)) return;
    M *p = parameter.as<M>(), *m = first_moment.as<M>(), *v = second_moment.as<M>();
    const G* g = grad.as<const G>();
    for_each_block<M>(parameter.numel(), [=, update = update_of<AdamUpdate<acc_t<M>>>(step, numbers)](
                                             std::int64_t begin, std::int64_t size) {
      Block<M> parameters(p + begin, size), firsts(m + begin, size), seconds(v + begin, size);
      Block<const G> grads(g + begin, size);
      auto *pp = parameters.load(), *mm = firsts.load(), *vv = seconds.load();
      const auto* gg = grads.load();
      MPAD_LANES
      for (std::int64_t i = 0; i < size; ++i) update(pp[i], gg[i], mm[i], vv[i]);
      firsts.store();
      seconds.store();
      parameters.store();
      round_masters<M, G>(p, rounded, begin, size);
    });
  });
}

}  // namespace mpad::kernels
