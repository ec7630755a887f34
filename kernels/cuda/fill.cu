// SPDX-License-Identifier: MIT
#include "elementwise.cuh"

#include <mpad/core/philox.h>
#include <mpad/core/rounding.h>

#include <kernels.h>

#include <cmath>

namespace mpad::kernels {
namespace {

template <class A>
struct Constant {
  A value;
  __device__ void operator()(A& y) const { y = value; }
};

template <class To>
struct Cast {
  template <class A>
  __device__ void operator()(A x, acc_t<To>& y) const {
    y = before_store<To>(x);
  }
};

struct Uniform {
  double low, high;
  __device__ double operator()(const Philox& random) const {
    return low + (high - low) * uniform_double(random.word[0], random.word[1]);
  }
};

// log and cos differ from the host's by some units in the last place of a double, so these numbers do too.
struct Normal {
  double mean, deviation;
  __device__ double operator()(const Philox& random) const {
    // 1 - u lies in (0, 1], so the logarithm is finite.
    const double radius = std::sqrt(-2 * std::log(1 - uniform_double(random.word[0], random.word[1])));
    // cos would keep a table in local memory, to reduce arguments that never come.
    return mean + deviation * radius * cospi(2 * uniform_double(random.word[2], random.word[3]));
  }
};

template <class T, class F>
__global__ void __launch_bounds__(kElementThreads)
    random_kernel(std::int64_t count, F f, std::uint64_t seed, std::uint64_t stream, T* y) {
  follow_kernels_before();
  const std::int64_t stride = std::int64_t{gridDim.x} * kElementThreads;
  for (std::int64_t i = std::int64_t{blockIdx.x} * kElementThreads + threadIdx.x; i < count; i += stride)
    y[i] = narrow<T>(before_store<T>(f(Philox(seed, static_cast<std::uint64_t>(i), stream))));
}

template <class F>
void fill_random(const char* op, Cuda where, const View& y, const F& f, std::uint64_t seed, std::uint64_t stream) {
  with_type(y.dtype, [&]<class T>() {
    launch(op, random_kernel<T, F>, element_blocks(y.numel()), kElementThreads, 0,
           static_cast<cudaStream_t>(where.stream), y.numel(), f, seed, stream, y.as<T>());
  });
}

}  // namespace

template <>
void zero(Cuda where, View y) {
  const std::size_t bytes = static_cast<std::size_t>(y.numel()) * size_of(y.dtype);
  if (bytes > 0) check_cuda("zero", cudaMemsetAsync(y.data, 0, bytes, static_cast<cudaStream_t>(where.stream)));
}

template <>
void fill(Cuda where, View y, double value) {
  const auto fill_as = [&]<class T>(acc_t<T> x) {
    map("fill", where, y.numel(), Constant<acc_t<T>>{x}, out(y.as<T>()));
  };
  if (is_real(y.dtype))
    with_type(y.dtype, [&]<class T>() { fill_as.template operator()<T>(before_store<T>(value)); });
  else if (y.dtype == DType::i32)
    fill_as.template operator()<std::int32_t>(static_cast<std::int32_t>(value));
  else
    with_mask_type(y.dtype, [&]<class T>() { fill_as.template operator()<T>(static_cast<T>(value)); });
}

template <>
void cast(Cuda where, View x, View y) {
  with_type(x.dtype, [&]<class From>() {
    with_type(y.dtype,
              [&]<class To>() { map("cast", where, x.numel(), Cast<To>{}, in(x.as<const From>()), out(y.as<To>())); });
  });
}

template <>
void fill_uniform(Cuda where, View y, double low, double high, std::uint64_t seed, std::uint64_t stream) {
  fill_random("fill_uniform", where, y, Uniform{low, high}, seed, stream);
}

template <>
void fill_normal(Cuda where, View y, double mean, double deviation, std::uint64_t seed, std::uint64_t stream) {
  fill_random("fill_normal", where, y, Normal{mean, deviation}, seed, stream);
}

}  // namespace mpad::kernels
