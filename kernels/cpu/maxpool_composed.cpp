// SPDX-License-Identifier: MIT
// The arithmetic of the study, each operation rounded to the tensor's type.
#include "maxpool_gather.h"

namespace mpad::kernels {
namespace {

template <class M, class T>
struct ComposedRule {
  static constexpr bool vectorised = sizeof(M) <= 2;
  using V = acc_t<T>;
  using U = UnsignedOf<std::max(sizeof(M), sizeof(V))>;
  V beta;
  struct Tap : TapBits<U> {
    V beta, rest;
    MPAD_INLINE V operator()(V g, M mask, std::int64_t) const {
      const V share = rounded<T>(rounded<T>(beta * g) / static_cast<V>(tie_count<M, U>(mask)));
      const V first = rounded<T>(share + rounded<T>(rest * g));
      return this->is_first(mask) ? first : this->tied(mask) ? share : V(0);
    }
  };
  Tap at(int i) const { return {TapBits<U>(i), beta, V(1) - beta}; }
};

}  // namespace

template <>
void maxpool_composed_forward(Cpu cpu, const Sliding& s, double beta, View x, View y, View mask) {
  maxpool_forward(cpu, s, x, y, mask);
  with_type(x.dtype, [&]<class T>() {
    using V = acc_t<T>;
    const V share = static_cast<V>(beta), rest = V(1) - share;
    Lane<T>* out = lanes(y.as<T>());
    parallel_for(y.numel(), 1 << 14, [=](std::int64_t begin, std::int64_t end) {
      MPAD_LANES
      for (std::int64_t i = begin; i < end; ++i) {
        const V value = widen(out[i]);
        out[i] = narrow<T>(rounded<T>(share * value) + rounded<T>(rest * value));
      }
    });
  });
}

template <>
void maxpool_composed_backward(Cpu, const Sliding& s, double beta, View grad_y, View mask, View grad_x) {
  with_type(grad_y.dtype, [&]<class T>() {
    with_mask_type(mask.dtype, [&]<class M>() {
      gather<T, M, T>(s, ComposedRule<M, T>{static_cast<acc_t<T>>(beta)}, grad_y, mask, grad_x);
    });
  });
}

}  // namespace mpad::kernels
