// SPDX-License-Identifier: MIT
#include "batch_norm.cuh"
#include "relu.cuh"

namespace mpad::kernels {
namespace {

/// What the passes over x and grad_y have in common.
template <class T, int size, bool relu>
struct Inputs {
  using A = acc_t<T>;
  Normalize<T, size> normalize;
  A at_zero;
  const T *x, *grad_y;

  /// grad_y behind ReLU's backward, where a ReLU followed: what that sees is the normalised value, rounded to T.
  __device__ A gate(A value, A grad, int i) const {
    if constexpr (relu)
      return rounded<T>(relu_gradient(rounded<T>(normalize(value, i)), grad, at_zero));
    else
      return grad;
  }
  /// Calls f(i, x - mean, gradient) for the pack at `at`.
  template <class F>
  __device__ void each(std::int64_t at, const F& f) const {
    const Pack<T, size> value = load<size>(x + at), grad = load<size>(grad_y + at);
    for (int i = 0; i < size; ++i) {
      const A v = widen(value.element[i]);
      f(i, v - normalize.mean[i], gate(v, widen(grad.element[i]), i));
    }
  }
};

/// What the passes get from the host.
template <class T, bool relu>
struct Arguments {
  NormParameters<T> norm;
  acc_t<T> at_zero;
  const T *x, *grad_y;

  template <int size>
  __device__ Inputs<T, size, relu> inputs(std::int64_t channel) const {
    return {Normalize<T, size>(norm, channel), at_zero, x, grad_y};
  }
};

/// Sums of g and of g * (x - mean).
template <class T, bool relu>
struct Products {
  Arguments<T, relu> arguments;

  template <int size>
  struct Channels {
    using A = acc_t<T>;
    Inputs<T, size, relu> inputs;
    __device__ void add(std::int64_t at, A* sum, A* products) const {
      inputs.each(at, [&](int i, A d, A g) {
        sum[i] += g;
        products[i] += g * d;
      });
    }
  };
  template <int size>
  __device__ Channels<size> at(std::int64_t channel) const {
    return {arguments.template inputs<size>(channel)};
  }
};

/// The same of g, grad_y where y, a sum's ReLU, is positive; g is stored for the pass behind.
template <class T>
struct GatedProducts {
  NormParameters<T> norm;
  const T *x, *y, *grad_y;
  T* grad_addend;

  template <int size>
  struct Channels {
    using A = acc_t<T>;
    GatedProducts of;
    A mean[size];
    __device__ void add(std::int64_t at, A* sum, A* products) const {
      const Pack<T, size> value = load<size>(of.x + at), above = load<size>(of.y + at);
      Pack<T, size> grad = load<size>(of.grad_y + at);
      for (int i = 0; i < size; ++i) {
        const A g = relu_gradient(widen(above.element[i]), widen(grad.element[i]), A(0));
        grad.element[i] = narrow<T>(g);
        sum[i] += g;
        products[i] += g * (widen(value.element[i]) - mean[i]);
      }
      store(of.grad_addend + at, grad);
    }
  };
  template <int size>
  __device__ Channels<size> at(std::int64_t channel) const {
    Channels<size> channels{*this, {}};
    for (int i = 0; i < size; ++i) channels.mean[i] = norm.mean[channel + i];
    return channels;
  }
};

/// Parameter gradients out of those sums, and what the training pass takes off g; null where nobody asks.
template <class T>
struct FinishProducts {
  using A = acc_t<T>;
  const A* inv_std;
  A rows;
  T *grad_gamma, *grad_beta;
  A *through_mean, *through_variance;

  __device__ void operator()(std::int64_t c, A sum, A products) const {
    if (grad_gamma != nullptr) grad_gamma[c] = narrow<T>(inv_std[c] * products);
    if (grad_beta != nullptr) grad_beta[c] = narrow<T>(sum);
    if (through_mean == nullptr) return;
    through_mean[c] = sum / rows;
    through_variance[c] = inv_std[c] * inv_std[c] * (products / rows);
  }
};

template <class T, bool relu, bool training>
struct Backward {
  using A = acc_t<T>;
  Arguments<T, relu> arguments;
  const A *through_mean, *through_variance;  ///< read in training only
  T* grad_x;

  template <int size>
  struct Channels {
    Inputs<T, size, relu> inputs;
    A through_mean[size], through_variance[size];
    T* grad_x;
    __device__ void map(std::int64_t at) const {
      Pack<T, size> out;
      inputs.each(at, [&](int i, A d, A g) {
        const A rest = training ? g - through_mean[i] - d * through_variance[i] : g;
        out.element[i] = narrow<T>(rest * inputs.normalize.scale[i]);
      });
      store(grad_x + at, out);
    }
  };
  template <int size>
  __device__ Channels<size> at(std::int64_t channel) const {
    Channels<size> channels{arguments.template inputs<size>(channel), {}, {}, grad_x};
    for (int i = 0; training && i < size; ++i) {
      channels.through_mean[i] = through_mean[channel + i];
      channels.through_variance[i] = through_variance[channel + i];
    }
    return channels;
  }
};

template <class T>
T* data_or_null(const View& view) {
  return view.data == nullptr ? nullptr : view.as<T>();
}

/// The gradients that are asked for.
struct Gradients {
  bool training;
  View grad_x, grad_gamma, grad_beta;

  bool need_sums() const {
    return (training && grad_x.data != nullptr) || grad_gamma.data != nullptr || grad_beta.data != nullptr;
  }
  /// Sums what `products` says, where sums are needed, then maps the gradients that `arguments` say.
  template <int size, class T, bool relu, class Sum>
  void compute(const char* op, Cuda where, const RowTiles& tiles, const Arguments<T, relu>& arguments,
               const Sum& products) const {
    using A = acc_t<T>;
    const bool wants_x = grad_x.data != nullptr;
    A* through = training && wants_x ? cuda::scratch<A>(where, Scratch::weights, 2 * tiles.channels) : nullptr;
    A* through_variance = through == nullptr ? nullptr : through + tiles.channels;
    if (need_sums())
      sum_tiles<size>(op, where, tiles, products,
                      FinishProducts<T>{arguments.norm.inv_std, static_cast<A>(tiles.rows), data_or_null<T>(grad_gamma),
                                        data_or_null<T>(grad_beta), through, through_variance});
    if (!wants_x) return;
    with_bool(training, [&](auto in_training) {
      map_tiles<size>(op, where, tiles,
                      Backward<T, relu, in_training>{arguments, through, through_variance, grad_x.as<T>()});
    });
  }
};

}  // namespace

template <>
void batch_norm_backward(Cuda where, const BatchNorm& norm, bool training, View x, View grad_y, View grad_x,
                         View grad_gamma, View grad_beta) {
  const Gradients gradients{training, grad_x, grad_gamma, grad_beta};
  with_type(x.dtype, [&]<class T>() {
    with_row_tiles<T>(x, {x.data, grad_y.data, grad_x.data}, [&](const RowTiles& tiles, auto size) {
      with_bool(norm.relu, [&](auto relu) {
        const Arguments<T, relu> arguments{NormParameters<T>(norm), static_cast<acc_t<T>>(norm.alpha), x.as<const T>(),
                                           grad_y.as<const T>()};
        gradients.compute<size>("batch_norm_backward", where, tiles, arguments, Products<T, relu>{arguments});
      });
    });
  });
}

template <>
void batch_norm_add_relu_backward(Cuda where, const BatchNorm& norm, bool training, View x, View y, View grad_y,
                                  View grad_addend, View grad_x, View grad_gamma, View grad_beta) {
  const Gradients gradients{training, grad_x, grad_gamma, grad_beta};
  if (!gradients.need_sums()) {
    relu_backward(where, 0, y, grad_y, grad_addend);
    batch_norm_backward(where, norm, training, x, grad_addend, grad_x, grad_gamma, grad_beta);
    return;
  }
  with_type(x.dtype, [&]<class T>() {
    const std::initializer_list<const void*> arrays{x.data, y.data, grad_y.data, grad_addend.data, grad_x.data};
    with_row_tiles<T>(x, arrays, [&](const RowTiles& tiles, auto size) {
      const NormParameters<T> parameters(norm);
      gradients.compute<size>(
          "batch_norm_add_relu_backward", where, tiles,
          Arguments<T, false>{parameters, 0, x.as<const T>(), grad_addend.as<const T>()},
          GatedProducts<T>{parameters, x.as<const T>(), y.as<const T>(), grad_y.as<const T>(), grad_addend.as<T>()});
    });
  });
}

}  // namespace mpad::kernels
