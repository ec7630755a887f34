// SPDX-License-Identifier: MIT
#include "maxpool_forward.cuh"

#include <kernels.h>

namespace mpad::kernels {
namespace {

/// The maximum as it is, and the mask.
struct Maximum {
  static constexpr bool relu = false;
  template <class T, class M>
  __device__ void operator()(const Best<T, M>& best, T& y, M& mask) const {
    y = best.value;
    mask = best.tied;
  }
  template <class V>
  __device__ void lanes(V&, std::uint32_t&) const {}
};

}  // namespace

template <>
void maxpool_forward(Cuda where, const Sliding& s, View x, View y, View mask) {
  with_type(x.dtype, [&]<class T>() {
    with_mask_type(mask.dtype, [&]<class M>() { slide_over<T, M>("maxpool", where, s, Maximum{}, x, y, mask); });
  });
}

}  // namespace mpad::kernels
