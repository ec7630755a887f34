// SPDX-License-Identifier: MIT
#include "relu.h"

#include "elementwise.h"

namespace mpad::kernels {

template <>
void relu_forward(Cpu, View x, View y) {
  with_type(x.dtype, [&]<class T>() {
    using A = acc_t<T>;
    map(x.numel(), x.as<const T>(), y.as<T>(), [](A value) { return value <= A(0) ? A(0) : value; });
  });
}

template <>
void relu_backward(Cpu, double alpha, View saved, View grad_y, View grad_x) {
  with_type(saved.dtype, [&]<class T>() {
    using A = acc_t<T>;
    const A at_zero = static_cast<A>(alpha);
    map(saved.numel(), saved.as<const T>(), grad_y.as<const T>(), grad_x.as<T>(), [at_zero](A value, A grad) {
      const A tied = at_zero == A(0) ? A(0) : at_zero * grad;  // 0 * inf must not make NaN
      return relu_gradient(value, grad, tied);
    });
  });
}

}  // namespace mpad::kernels
