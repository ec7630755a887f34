// SPDX-License-Identifier: MIT
#include "batch_norm.h"
#include "relu.h"

namespace mpad::kernels {
namespace {

/// The largest value that is 0 when it is rounded to T: half of the least positive one.
template <class T>
inline constexpr acc_t<T> most_for_zero = std::is_same_v<T, half> ? acc_t<T>(0x1p-25) : acc_t<T>(0);

/// grad_y behind ReLU's backward, where a ReLU followed: what that sees is the normalised value, rounded to T. ReLU'(0)
/// is 0 unless `has_alpha`.
template <class T, bool relu, bool has_alpha>
struct Gate {
  using A = acc_t<T>;
  Normalize<T> normalize;
  A at_zero;

  MPAD_INLINE A operator()(A x, A grad, std::int64_t column) const {
    if constexpr (!relu) return grad;
    const A value = normalize(x, column), tied = has_alpha ? rounded<T>(at_zero * grad) : A(0);
    return relu_gradient(value, grad, tied, most_for_zero<T>);
  }
};

template <class T, bool relu, bool has_alpha>
class Backward {
 public:
  using A = acc_t<T>;

  Backward(const BatchNorm& norm, const View& x, const View& grad_y)
      : norm_(norm),
        wide_(x),
        x_(x.as<const T>()),
        grad_y_(grad_y.as<const T>()),
        room_(scratch_columns<A>(wide_, Normalize<T>::arrays + 2)),
        gate_{Normalize<T>(norm, wide_, room_), static_cast<A>(norm.alpha)} {}

  /// Sums of g and of g * (x - mean).
  auto sums() const {
    return wide_.sum<T>([gate = gate_, x = x_, grad_y = grad_y_](std::int64_t at, std::int64_t column,
                                                                 std::int64_t size, A* sum, A* products) {
      Block<const T> from(x + at, size), gradient(grad_y + at, size);
      const A *value = from.load(), *grad = gradient.load();
      MPAD_LANES
      for (std::int64_t i = 0; i < size; ++i) {
        const A g = gate(value[i], grad[i], column + i);
        sum[i] += g;
        products[i] += g * (value[i] - gate.normalize.mean[column + i]);
      }
    });
  }

  void store_parameters(const WideRows::Sums<A>& sums, const View& grad_gamma, const View& grad_beta) const {
    const A* inv_std = norm_.inv_std.as<const A>();
    for (std::int64_t c = 0; c < wide_.channels(); ++c) {
      if (grad_gamma.data != nullptr) lanes(grad_gamma.as<T>())[c] = narrow<T>(inv_std[c] * sums.second[c]);
      if (grad_beta.data != nullptr) lanes(grad_beta.as<T>())[c] = narrow<T>(sums.first[c]);
    }
  }

  /// Statistics that do not depend on x.
  void store_fixed(const View& grad_x) const {
    store(grad_x, [gate = gate_](A x, A grad, std::int64_t column) {
      return gate(x, grad, column) * gate.normalize.scale[column];
    });
  }

  /// Statistics of x: what g does through mean and variance is taken off.
  void store_training(const WideRows::Sums<A>& sums, const View& grad_x) const {
    const A n = static_cast<A>(wide_.rows());
    const A* inv_std = norm_.inv_std.as<const A>();
    A *through_mean = room_ + Normalize<T>::arrays * wide_.width(), *through_variance = through_mean + wide_.width();
    wide_.repeat(through_mean, [&](std::int64_t c) { return sums.first[c] / n; });
    wide_.repeat(through_variance, [&](std::int64_t c) { return inv_std[c] * inv_std[c] * (sums.second[c] / n); });
    store(grad_x, [=, gate = gate_](A x, A grad, std::int64_t column) {
      const A d = x - gate.normalize.mean[column];
      const A rest = gate(x, grad, column) - through_mean[column] - d * through_variance[column];
      return rest * gate.normalize.scale[column];
    });
  }

 private:
  template <class F>
  void store(const View& grad_x, const F& f) const {
    wide_.for_each_block<T>([&, out = grad_x.as<T>()](std::int64_t at, std::int64_t column, std::int64_t size) {
      Block<const T> from(x_ + at, size), gradient(grad_y_ + at, size);
      Block<T> to(out + at, size);
      const A *value = from.load(), *grad = gradient.load();
      A* result = to.data();
      MPAD_LANES
      for (std::int64_t i = 0; i < size; ++i) result[i] = f(value[i], grad[i], column + i);
      to.store();
    });
  }

  const BatchNorm& norm_;
  WideRows wide_;
  const T *x_, *grad_y_;
  A* room_;
  Gate<T, relu, has_alpha> gate_;
};

}  // namespace

template <>
void batch_norm_backward(Cpu, const BatchNorm& norm, bool training, View x, View grad_y, View grad_x, View grad_gamma,
                         View grad_beta) {
  with_type(x.dtype, [&]<class T>() {
    const auto run = [&]<bool relu, bool has_alpha>() {
      const Backward<T, relu, has_alpha> backward(norm, x, grad_y);
      if (!training && grad_x.data != nullptr) backward.store_fixed(grad_x);
      if (!training && grad_gamma.data == nullptr && grad_beta.data == nullptr) return;
      const auto sums = backward.sums();
      backward.store_parameters(sums, grad_gamma, grad_beta);
      if (training && grad_x.data != nullptr) backward.store_training(sums, grad_x);
    };
    if (!norm.relu) return run.template operator()<false, false>();
    static_cast<acc_t<T>>(norm.alpha) == 0 ? run.template operator()<true, false>()
                                           : run.template operator()<true, true>();
  });
}

template <>
void batch_norm_add_relu_backward(Cpu where, const BatchNorm& norm, bool training, View x, View y, View grad_y,
                                  View grad_addend, View grad_x, View grad_gamma, View grad_beta) {
  relu_backward(where, 0, y, grad_y, grad_addend);
  batch_norm_backward(where, norm, training, x, grad_addend, grad_x, grad_gamma, grad_beta);
}

}  // namespace mpad::kernels
