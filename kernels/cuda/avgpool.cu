// SPDX-License-Identifier: MIT
#include "launch.cuh"
#include "vector.cuh"

#include <mpad/core/axis.h>

#include <kernels.h>

namespace mpad::kernels {
namespace {

constexpr int kThreads = 256;

/// A pack of channels of one pixel of n,h,w,c.
struct Place {
  std::int64_t n, h, w, c;
  __device__ Place(std::int64_t index, std::int64_t height, std::int64_t width, std::int64_t packs, int size)
      : n(index / packs / width / height),
        h(index / packs / width % height),
        w(index / packs % width),
        c(index % packs * size) {}
};

template <class T>
struct Forward {
  Sliding s;
  bool count_padding;
  const T* x;
  T* y;

  template <int size>
  __device__ void compute(std::int64_t index) const {
    using A = acc_t<T>;
    const Place out(index, s.oh, s.ow, s.c / size, size);
    const Range rows = vertical(s).under(out.h), columns = horizontal(s).under(out.w);
    A sum[size] = {};
    for (std::int64_t h = rows.begin; h < rows.end; ++h)
      for (std::int64_t w = columns.begin; w < columns.end; ++w) {
        const Pack<T, size> term = load<size>(x + ((out.n * s.h + h) * s.w + w) * s.c + out.c);
        for (int i = 0; i < size; ++i) sum[i] += widen(term.element[i]);
      }
    const A taps = static_cast<A>(divisor(s, count_padding, rows, columns));
    Pack<T, size> mean;
    for (int i = 0; i < size; ++i) mean.element[i] = narrow<T>(sum[i] / taps);
    store(y + index * size, mean);
  }
};

template <class T>
struct Backward {
  Sliding s;
  bool count_padding;
  const T* grad_y;
  T* grad_x;

  template <int size>
  __device__ void compute(std::int64_t index) const {
    using A = acc_t<T>;
    const Place in(index, s.h, s.w, s.c / size, size);
    const Range rows = vertical(s).over(in.h), columns = horizontal(s).over(in.w);
    A sum[size] = {};
    for (std::int64_t oh = rows.begin; oh < rows.end; ++oh)
      for (std::int64_t ow = columns.begin; ow < columns.end; ++ow) {
        const A taps = static_cast<A>(divisor(s, count_padding, vertical(s).under(oh), horizontal(s).under(ow)));
        const Pack<T, size> grad = load<size>(grad_y + ((in.n * s.oh + oh) * s.ow + ow) * s.c + in.c);
        for (int i = 0; i < size; ++i) sum[i] += widen(grad.element[i]) / taps;
      }
    Pack<T, size> out;
    for (int i = 0; i < size; ++i) out.element[i] = narrow<T>(sum[i]);
    store(grad_x + index * size, out);
  }
};

template <int size, class Body>
__global__ void __launch_bounds__(kThreads, 2) pool_kernel(std::int64_t count, Body body) {
  const std::int64_t index = std::int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (index < count) body.template compute<size>(index);
}

/// Calls body.compute<size>(index) for each pack of `to`, as large as the channels and both arrays allow.
template <class T, class Body>
void for_each_pack(const char* op, Cuda where, const View& from, const View& to, const Body& body) {
  const auto run = [&]<int size>() {
    const std::int64_t count = to.numel() / size;
    launch(op, pool_kernel<size, Body>, static_cast<unsigned>(ceil_div<std::int64_t>(count, kThreads)), kThreads, 0,
           static_cast<cudaStream_t>(where.stream), count, body);
  };
  constexpr int full = full_pack<T>;
  if (body.s.c % full == 0 && is_aligned<full>(from.as<const T>()) && is_aligned<full>(to.as<T>()))
    run.template operator()<full>();
  else
    run.template operator()<1>();
}

}  // namespace

template <>
void avgpool_forward(Cuda where, const Sliding& s, bool count_padding, View x, View y) {
  with_type(x.dtype, [&]<class T>() {
    for_each_pack<T>("avgpool", where, x, y, Forward<T>{s, count_padding, x.as<const T>(), y.as<T>()});
  });
}

template <>
void avgpool_backward(Cuda where, const Sliding& s, bool count_padding, View grad_y, View grad_x) {
  with_type(grad_y.dtype, [&]<class T>() {
    for_each_pack<T>("avgpool_backward", where, grad_y, grad_x,
                     Backward<T>{s, count_padding, grad_y.as<const T>(), grad_x.as<T>()});
  });
}

}  // namespace mpad::kernels
