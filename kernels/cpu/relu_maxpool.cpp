// SPDX-License-Identifier: MIT
#include "maxpool_window.h"

namespace mpad::kernels {
namespace {

/// The maximum of max(x, 0), and the code: where x has no positive element, every tap in the image is a maximum, so the
/// flag says so and the bits say which are zeros.
struct ReluMaximum {
  int taps;
  template <class Best, class T, class M>
  MPAD_INLINE void operator()(const Best& best, T& y, M& code) const {
    const M none = 0, flag = static_cast<M>(std::uint64_t{1} << taps);
    const M zeros = best.zero() ? best.tied : none;
    // Selects, one inside the other, where a logical and would be a branch.
    const M marked = best.tied == none ? none : static_cast<M>(flag | zeros);
    const T floor = best.tied == none ? best.value : T(0);
    y = best.positive() ? best.value : floor;
    code = best.positive() ? best.tied : marked;
  }
};

}  // namespace

template <>
void relu_maxpool_forward(Cpu, const Sliding& s, View x, View y, View code) {
  const ReluMaximum ending{static_cast<int>(s.window.taps())};
  with_type(x.dtype, [&]<class T>() {
    with_mask_type(code.dtype, [&]<class M>() { slide_over<T, M>(s, ending, x, y, code); });
  });
}

}  // namespace mpad::kernels
