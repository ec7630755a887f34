// SPDX-License-Identifier: MIT
#include "relu.cuh"

#include "elementwise.cuh"

#include <kernels.h>

namespace mpad::kernels {
namespace {

struct Relu {
  template <class A>
  __device__ void operator()(A x, A& y) const {
    y = x <= A(0) ? A(0) : x;
  }
};

template <class A>
struct ReluGradient {
  A at_zero;
  __device__ void operator()(A saved, A grad, A& out) const { out = relu_gradient(saved, grad, at_zero); }
};

}  // namespace

template <>
void relu_forward(Cuda where, View x, View y) {
  with_type(x.dtype, [&]<class T>() { map("relu", where, x.numel(), Relu{}, in(x.as<const T>()), out(y.as<T>())); });
}

template <>
void relu_backward(Cuda where, double alpha, View saved, View grad_y, View grad_x) {
  with_type(saved.dtype, [&]<class T>() {
    map("relu_backward", where, saved.numel(), ReluGradient<acc_t<T>>{static_cast<acc_t<T>>(alpha)},
        in(saved.as<const T>()), in(grad_y.as<const T>()), out(grad_x.as<T>()));
  });
}

}  // namespace mpad::kernels
