// SPDX-License-Identifier: MIT
// What the tests share: random inputs, distances in units in the last place, and gradient checks.
#pragma once
#include "catch.h"

#include <mpad/core/check.h>
#include <mpad/core/half.h>
#include <mpad/core/parallel.h>
#include <mpad/core/philox.h>
#include <mpad/tape.h>
#include <mpad/tensor.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <initializer_list>
#include <vector>

namespace mpad::test {

inline constexpr DType real_dtypes[] = {DType::f16, DType::f32, DType::f64};

/// What kernels that take arrays element by element are tested with, and `more`: what is beside the bounds of one
/// kernel.
inline std::vector<std::int64_t> element_sizes(std::initializer_list<std::int64_t> more = {}) {
  // None and one; beside packs of 2 to 16; one and two warps; 256 threads with 1, 2, 4 and 8 elements each; primes.
  std::vector<std::int64_t> sizes{0,   1,   2,    3,    4,    5,    7,    8,    9,   15,  16,
                                  17,  31,  32,   33,   63,   64,   65,   255,  256, 257, 511,
                                  512, 513, 1023, 1024, 1025, 2047, 2048, 2049, 97,  769, 1009};
  sizes.insert(sizes.end(), more);
  return sizes;
}

/// Uniform in [low, high), rounded to dtype; the same for the same seed.
inline Tensor random_tensor(const Shape& shape, DType dtype, std::uint64_t seed, double low = -1, double high = 1) {
  std::vector<double> values(static_cast<std::size_t>(shape.numel()));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const Philox random(seed, i, 77);
    values[i] = low + (high - low) * uniform_double(random.word[0], random.word[1]);
  }
  return Tensor::from(values, shape, dtype);
}

/// Integers from `low` on, of so many levels: few make many ties.
inline Tensor random_integers(const Shape& shape, DType dtype, std::uint64_t seed, std::uint32_t levels,
                              double low = 0) {
  std::vector<double> values(static_cast<std::size_t>(shape.numel()));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = low + uniform_below(Philox(seed, i, 5).word[0], levels);
  return Tensor::from(values, shape, dtype);
}

/// |got - want| in units in the last place of dtype at `want`; 0 for equal infinities or two NaNs.
inline double ulps(double got, double want, DType dtype) {
  if (got == want || (std::isnan(got) && std::isnan(want))) return 0;
  if (!std::isfinite(got) || !std::isfinite(want)) return INFINITY;
  const int digits = dtype == DType::f16 ? 11 : dtype == DType::f32 ? 24 : 53;
  const int least = dtype == DType::f16 ? -14 : dtype == DType::f32 ? -126 : -1022;
  const int exponent = want == 0 ? least : std::max(least, std::ilogb(want));
  return std::abs(got - want) / std::ldexp(1.0, exponent - digits + 1);
}

/// The larger of two errors. NaN is no number to compare: it is worse than any.
inline double worse(double worst, double error) { return std::isnan(error) ? INFINITY : std::max(worst, error); }

/// The largest distance, element by element, from the double reference.
inline double max_ulps(const Tensor& got, const std::vector<double>& want) {
  const std::vector<double> values = got.values();
  REQUIRE(values.size() == want.size());
  double worst = 0;
  for (std::size_t i = 0; i < values.size(); ++i) worst = std::max(worst, ulps(values[i], want[i], got.dtype()));
  return worst;
}

/// The same shape, dtype and bytes.
inline bool same_bits(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && a.dtype() == b.dtype() && std::memcmp(a.view().data, b.view().data, a.bytes()) == 0;
}

/// Calls f() with 1, 2 and 4 threads in turn, and leaves the number of threads as it was.
template <class F>
void with_threads(F&& f) {
  const int before = num_threads();
  for (int threads : {1, 2, 4}) {
    set_num_threads(threads);
    f();
  }
  set_num_threads(before);
}

/// sum(y * weights), recorded: turns any output into a loss, so that a gradient check sees the whole Jacobian.
inline Tensor dot(const Tensor& y, const Tensor& weights) {
  const std::vector<double> a = y.values(), b = weights.values();
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  const Tensor loss = Tensor::from({sum}, {}, y.dtype()).to(y.device());
  record("dot", {y}, loss, [weights](const Tensor& grad_loss, Gradients& gradients) {
    const double scale = grad_loss.item();
    std::vector<double> grad = weights.values();
    for (double& g : grad) g *= scale;
    gradients.set(0, Tensor::from(grad, weights.shape(), weights.dtype()).to(weights.device()));
  });
  return loss;
}

/// The function under test: from inputs to one output.
using Function = std::function<Tensor(const std::vector<Tensor>&)>;

/// Gradients of dot(f(inputs), grad_output) with respect to each input, by the tape.
inline std::vector<Tensor> gradients_of(const Function& f, const std::vector<Tensor>& inputs,
                                        const Tensor& grad_output) {
  std::vector<Tensor> leaves;
  for (const Tensor& input : inputs) leaves.push_back(input.clone().set_requires_grad());
  Tape tape;
  tape.backward(dot(f(leaves), grad_output));
  std::vector<Tensor> gradients;
  for (const Tensor& leaf : leaves)
    gradients.push_back(leaf.grad() ? leaf.grad() : Tensor::zeros(leaf.shape(), leaf.dtype()));
  return gradients;
}

/// Largest |tape - central difference| / max(1, |central difference|) over all inputs of f, in double. Inputs must
/// stay `step` away from ties and kinks.
inline double gradient_error(const Function& f, const std::vector<Tensor>& inputs, double step = 1e-5) {
  for (const Tensor& input : inputs) REQUIRE(input.dtype() == DType::f64);
  const Tensor weights = random_tensor(f(inputs).shape(), DType::f64, 4242);
  const std::vector<Tensor> gradients = gradients_of(f, inputs, weights);
  double worst = 0;
  for (std::size_t k = 0; k < inputs.size(); ++k) {
    const auto x = inputs[k].span<double>();
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double kept = x[i];
      x[i] = kept + step;
      const double above = dot(f(inputs), weights).item();
      x[i] = kept - step;
      const double below = dot(f(inputs), weights).item();
      x[i] = kept;
      const double want = (above - below) / (2 * step);
      worst = worse(worst, std::abs(gradients[k].span<double>()[i] - want) / std::max(1.0, std::abs(want)));
    }
  }
  return worst;
}

}  // namespace mpad::test
