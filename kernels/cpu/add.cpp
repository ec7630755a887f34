// SPDX-License-Identifier: MIT
#include "elementwise.h"

namespace mpad::kernels {

template <>
void add(Cpu, View a, View b, View y) {
  with_type(y.dtype, [&]<class T>() {
    using A = acc_t<T>;
    map(y.numel(), a.as<const T>(), b.as<const T>(), y.as<T>(), [](A left, A right) { return left + right; });
  });
}

template <>
void add_relu(Cpu, View a, View b, View y) {
  with_type(y.dtype, [&]<class T>() {
    using A = acc_t<T>;
    map(y.numel(), a.as<const T>(), b.as<const T>(), y.as<T>(), [](A left, A right) {
      const A sum = left + right;
      return sum <= A(0) ? A(0) : sum;  // rounding keeps the order
    });
  });
}

}  // namespace mpad::kernels
