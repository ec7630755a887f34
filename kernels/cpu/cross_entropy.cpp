// SPDX-License-Identifier: MIT
#include "isa.h"
#include "simd.h"

#include <algorithm>
#include <cmath>

namespace mpad::kernels {
namespace {

// The loss is summed in at most kChunks pieces of rows, then over the pieces in order: the same sum for any number of
// threads.
constexpr std::int64_t kChunks = 64;

// Rows worth waking another thread for: an exponential takes some nanoseconds.
std::int64_t row_grain(std::int64_t classes) { return std::max<std::int64_t>(1, 1024 / classes); }

// Sum over the row of exp(logit - largest), and the largest.
template <class A>
struct Partition {
  A largest, sum;
};

template <class T>
Partition<acc_t<T>> partition(const T* row, std::int64_t classes) {
  using A = acc_t<T>;
  A largest = static_cast<acc_t<T>>(row[0]), sum = 0;
  for (std::int64_t j = 1; j < classes; ++j) {
    const A value = static_cast<acc_t<T>>(row[j]);
    largest = value > largest ? value : largest;
  }
  for (std::int64_t j = 0; j < classes; ++j) sum += std::exp(static_cast<acc_t<T>>(row[j]) - largest);
  return {largest, sum};
}

// Index of the first largest logit; NaN is largest.
template <class T>
std::int64_t first_largest(const T* row, std::int64_t classes) {
  std::int64_t best = 0;
  auto largest = static_cast<acc_t<T>>(row[0]);
  for (std::int64_t j = 1; j < classes && !std::isnan(largest); ++j) {
    const auto value = static_cast<acc_t<T>>(row[j]);
    if (value > largest || std::isnan(value)) {
      largest = value;
      best = j;
    }
  }
  return best;
}

}  // namespace

template <>
void cross_entropy_forward(Cpu, View logits, View labels, View loss) {
  with_type(logits.dtype, [&]<class T>() {
    using A = acc_t<T>;
    const T* x = logits.as<const T>();
    const auto* label = labels.as<const std::int32_t>();
    const std::int64_t rows = logits.shape[0], classes = logits.shape[1];
    const std::int64_t grain = std::max(row_grain(classes), (rows + kChunks - 1) / kChunks);
    A sums[kChunks] = {};
    parallel_for(rows, grain, [=, &sums](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const auto [largest, sum] = partition(x + i * classes, classes);
        sums[begin / grain] += std::log(sum) + (largest - static_cast<acc_t<T>>(x[i * classes + label[i]]));
      }
    });
    A total = 0;
    for (A sum : sums) total += sum;
    *loss.as<T>() = static_cast<T>(total / static_cast<A>(rows));
  });
}

template <>
void cross_entropy_backward(Cpu, View logits, View labels, View grad_loss, View grad_logits) {
  with_type(logits.dtype, [&]<class T>() {
    using A = acc_t<T>;
    const T* x = logits.as<const T>();
    const auto* label = labels.as<const std::int32_t>();
    T* out = grad_logits.as<T>();
    const std::int64_t rows = logits.shape[0], classes = logits.shape[1];
    const A scale = static_cast<acc_t<T>>(*grad_loss.as<const T>()) / static_cast<A>(rows);
    parallel_for(rows, row_grain(classes), [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const auto [largest, sum] = partition(x + i * classes, classes);
        for (std::int64_t j = 0; j < classes; ++j) {
          const A probability = std::exp(static_cast<acc_t<T>>(x[i * classes + j]) - largest) / sum;
          out[i * classes + j] = static_cast<T>(scale * (j == label[i] ? probability - A(1) : probability));
        }
      }
    });
  });
}

template <>
void count_correct(Cpu, View logits, View labels, View correct) {
  with_type(logits.dtype, [&]<class T>() {
    const T* x = logits.as<const T>();
    const auto* label = labels.as<const std::int32_t>();
    const std::int64_t rows = logits.shape[0], classes = logits.shape[1];
    std::int32_t count = 0;
    for (std::int64_t i = 0; i < rows; ++i) count += first_largest(x + i * classes, classes) == label[i];
    *correct.as<std::int32_t>() = count;
  });
}

}  // namespace mpad::kernels
