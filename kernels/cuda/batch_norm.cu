// SPDX-License-Identifier: MIT
#include "batch_norm.cuh"
#include "batch_statistics.cuh"

namespace mpad::kernels {
namespace {

/// Sums of differences from the first row and of their squares: a mean far from 0 cancels before anything is squared.
template <class T>
struct Differences {
  using A = acc_t<T>;
  const T* x;

  template <int size>
  struct Channels {
    const T* x;
    A origin[size];
    __device__ void add(std::int64_t at, A* sum, A* squares) const {
      const Pack<T, size> pack = load<size>(x + at);
      for (int i = 0; i < size; ++i) {
        const A d = widen(pack.element[i]) - origin[i];
        sum[i] += d;
        squares[i] += d * d;
      }
    }
  };
  template <int size>
  __device__ Channels<size> at(std::int64_t channel) const {
    Channels<size> channels{x, {}};
    for (int i = 0; i < size; ++i) channels.origin[i] = widen(x[channel + i]);
    return channels;
  }
};

template <class T, class A = acc_t<T>>
__global__ void __launch_bounds__(kTileThreads)
    running_kernel(std::int64_t channels, A epsilon, const T* running_mean, const T* running_var, A* mean, A* inv_std) {
  follow_kernels_before();
  const std::int64_t c = std::int64_t{blockIdx.x} * kTileThreads + threadIdx.x;
  if (c >= channels) return;
  mean[c] = widen(running_mean[c]);
  inv_std[c] = inverse_deviation(widen(running_var[c]), epsilon);
}

template <class T, bool relu>
struct Forward {
  NormParameters<T> norm;
  const T* x;
  T* y;

  template <int size>
  struct Channels {
    Normalize<T, size> normalize;
    const T* x;
    T* y;
    __device__ void map(std::int64_t at) const {
      using A = acc_t<T>;
      Pack<T, size> pack = load<size>(x + at);
      for (int i = 0; i < size; ++i) {
        const A v = normalize(widen(pack.element[i]), i);
        // Rounding keeps the order, so the maximum of the rounded value is the rounded maximum.
        pack.element[i] = narrow<T>(relu && v <= A(0) ? A(0) : v);
      }
      store(y + at, pack);
    }
  };
  template <int size>
  __device__ Channels<size> at(std::int64_t channel) const {
    return {Normalize<T, size>(norm, channel), x, y};
  }
};

/// Behind a sum with `addend`, ReLU.
template <class T>
struct ForwardAddRelu {
  NormParameters<T> norm;
  const T *x, *addend;
  T* y;

  template <int size>
  struct Channels {
    Normalize<T, size> normalize;
    const T *x, *addend;
    T* y;
    __device__ void map(std::int64_t at) const {
      using A = acc_t<T>;
      Pack<T, size> pack = load<size>(x + at);
      const Pack<T, size> other = load<size>(addend + at);
      for (int i = 0; i < size; ++i) {
        const A sum = rounded<T>(normalize(widen(pack.element[i]), i)) + widen(other.element[i]);
        pack.element[i] = narrow<T>(sum <= A(0) ? A(0) : sum);
      }
      store(y + at, pack);
    }
  };
  template <int size>
  __device__ Channels<size> at(std::int64_t channel) const {
    return {Normalize<T, size>(norm, channel), x, addend, y};
  }
};

}  // namespace

template <>
void batch_norm_statistics(Cuda where, double epsilon, double momentum, View x, View mean, View inv_std,
                           View running_mean, View running_var) {
  with_type(x.dtype, [&]<class T>() {
    const T* in = x.as<const T>();
    with_row_tiles<T>(x, {in}, [&](const RowTiles& tiles, auto size) {
      const Statistics<T> statistics(in, tiles.rows, epsilon, momentum, mean, inv_std, running_mean, running_var);
      sum_tiles<size>("batch_norm", where, tiles, Differences<T>{in}, statistics);
    });
  });
}

template <>
void batch_norm_running(Cuda where, double epsilon, View running_mean, View running_var, View mean, View inv_std) {
  with_type(running_mean.dtype, [&]<class T>() {
    using A = acc_t<T>;
    const auto blocks = static_cast<unsigned>(ceil_div<std::int64_t>(mean.numel(), kTileThreads));
    launch("batch_norm", running_kernel<T>, blocks, kTileThreads, 0, static_cast<cudaStream_t>(where.stream),
           mean.numel(), static_cast<A>(epsilon), running_mean.as<const T>(), running_var.as<const T>(), mean.as<A>(),
           inv_std.as<A>());
  });
}

template <>
void batch_norm_forward(Cuda where, const BatchNorm& norm, View x, View y) {
  with_type(x.dtype, [&]<class T>() {
    with_row_tiles<T>(x, {x.data, y.data}, [&](const RowTiles& tiles, auto size) {
      with_bool(norm.relu, [&](auto relu) {
        map_tiles<size>("batch_norm", where, tiles,
                        Forward<T, relu>{NormParameters<T>(norm), x.as<const T>(), y.as<T>()});
      });
    });
  });
}

template <>
void batch_norm_add_relu_forward(Cuda where, const BatchNorm& norm, View x, View addend, View y) {
  with_type(x.dtype, [&]<class T>() {
    with_row_tiles<T>(x, {x.data, addend.data, y.data}, [&](const RowTiles& tiles, auto size) {
      map_tiles<size>("batch_norm_add_relu", where, tiles,
                      ForwardAddRelu<T>{NormParameters<T>(norm), x.as<const T>(), addend.as<const T>(), y.as<T>()});
    });
  });
}

}  // namespace mpad::kernels
