// SPDX-License-Identifier: MIT
#include "maxpool_window.h"

namespace mpad::kernels {
namespace {

/// The maximum as it is, and the mask.
struct Maximum {
  template <class Best, class T, class M>
  MPAD_INLINE void operator()(const Best& best, T& y, M& mask) const {
    y = best.value;
    mask = best.tied;
  }
};

}  // namespace

template <>
void maxpool_forward(Cpu, const Sliding& s, View x, View y, View mask) {
  with_type(x.dtype, [&]<class T>() {
    with_mask_type(mask.dtype, [&]<class M>() { slide_over<T, M>(s, Maximum{}, x, y, mask); });
  });
}

}  // namespace mpad::kernels
