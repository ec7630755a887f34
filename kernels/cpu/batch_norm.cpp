// SPDX-License-Identifier: MIT
#include "batch_norm.h"

#include <cmath>

namespace mpad::kernels {
namespace {

/// 1 / sqrt(variance + epsilon).
template <class A>
A inverse_deviation(A variance, double epsilon) {
  return A(1) / std::sqrt(variance + static_cast<A>(epsilon));
}

/// running = (1 - momentum) * running + momentum * value, rounded once to R.
template <class R>
void update(R* running, double momentum, acc_t<R> value) {
  using A = acc_t<R>;
  const A kept = static_cast<A>(1 - momentum) * static_cast<A>(*running);
  *running = static_cast<R>(kept + static_cast<A>(momentum) * value);
}

/// The same of channel c of a running statistic of T or acc_t<T>, if there is one.
template <class T>
void update(const View& running, std::int64_t c, double momentum, acc_t<T> value) {
  if (running.data == nullptr) return;
  if (running.dtype == dtype_of<T>)
    update(running.as<T>() + c, momentum, value);
  else
    update(running.as<acc_t<T>>() + c, momentum, value);
}

}  // namespace

template <>
void batch_norm_statistics(Cpu, double epsilon, double momentum, View x, View mean, View inv_std, View running_mean,
                           View running_var) {
  with_type(x.dtype, [&]<class T>() {
    using A = acc_t<T>;
    const WideRows wide(x);
    const T* in = x.as<const T>();
    // Sums of differences from the first row: a mean far from 0 cancels before anything is squared.
    A* origin = scratch_columns<A>(wide, 1);
    wide.repeat(origin, [in](std::int64_t c) { return widen(lanes(in)[c]); });
    const auto [first, second] =
        wide.sum<T>([=](std::int64_t at, std::int64_t column, std::int64_t size, A* sum, A* squares) {
          Block<const T> block(in + at, size);
          const A *value = block.load(), *from = origin + column;
          MPAD_LANES
          for (std::int64_t i = 0; i < size; ++i) {
            const A d = value[i] - from[i];
            sum[i] += d;
            squares[i] += d * d;
          }
        });
    const A n = static_cast<A>(wide.rows());
    A *mu = mean.as<A>(), *inverse = inv_std.as<A>();
    for (std::int64_t c = 0; c < wide.channels(); ++c) {
      const A offset = first[c] / n, rest = second[c] - first[c] * offset;
      const A squares = rest < A(0) ? A(0) : rest;  // of differences from the mean; NaN stays
      mu[c] = origin[c] + offset;
      inverse[c] = inverse_deviation(squares / n, epsilon);
      update<T>(running_mean, c, momentum, mu[c]);
      update<T>(running_var, c, momentum, squares / (n - A(1)));
    }
  });
}

template <>
void batch_norm_running(Cpu, double epsilon, View running_mean, View running_var, View mean, View inv_std) {
  with_type(running_mean.dtype, [&]<class T>() {
    using A = acc_t<T>;
    for (std::int64_t c = 0; c < mean.numel(); ++c) {
      mean.as<A>()[c] = static_cast<A>(running_mean.as<const T>()[c]);
      inv_std.as<A>()[c] = inverse_deviation(static_cast<A>(running_var.as<const T>()[c]), epsilon);
    }
  });
}

template <>
void batch_norm_forward(Cpu, const BatchNorm& norm, View x, View y) {
  if (x.numel() == 0) return;
  with_type(x.dtype, [&]<class T>() {
    using A = acc_t<T>;
    const WideRows wide(x);
    const Normalize<T> normalize(norm, wide, scratch_columns<A>(wide, Normalize<T>::arrays));
    const T* in = x.as<const T>();
    T* out = y.as<T>();
    with_bool(norm.relu, [&](auto relu) {
      wide.for_each_block<T>([=](std::int64_t at, std::int64_t column, std::int64_t size) {
        Block<const T> from(in + at, size);
        Block<T> to(out + at, size);
        const A* value = from.load();
        A* result = to.data();
        MPAD_LANES
        for (std::int64_t i = 0; i < size; ++i) {
          const A v = normalize(value[i], column + i);
          // Rounding keeps the order, so the maximum of the rounded value is the rounded maximum.
          result[i] = relu && v <= A(0) ? A(0) : v;
        }
        to.store();
      });
    });
  });
}

template <>
void batch_norm_add_relu_forward(Cpu, const BatchNorm& norm, View x, View addend, View y) {
  with_type(x.dtype, [&]<class T>() {
    using A = acc_t<T>;
    const WideRows wide(x);
    const Normalize<T> normalize(norm, wide, scratch_columns<A>(wide, Normalize<T>::arrays));
    wide.for_each_block<T>([=, in = x.as<const T>(), more = addend.as<const T>(), out = y.as<T>()](
                               std::int64_t at, std::int64_t column, std::int64_t size) {
      Block<const T> from(in + at, size), other(more + at, size);
      Block<T> to(out + at, size);
      const A *value = from.load(), *term = other.load();
      A* result = to.data();
      constexpr bool rounds = !Block<T>::kInPlace;  // what is normalised, before the sum
      if constexpr (rounds) {
        MPAD_LANES
        for (std::int64_t i = 0; i < size; ++i) result[i] = normalize(value[i], column + i);
        to.store();
        to.load();
      }
      MPAD_LANES
      for (std::int64_t i = 0; i < size; ++i) {
        const A sum = (rounds ? result[i] : normalize(value[i], column + i)) + term[i];
        result[i] = sum <= A(0) ? A(0) : sum;
      }
      to.store();
    });
  });
}

}  // namespace mpad::kernels
