// SPDX-License-Identifier: MIT
#include "elementwise.h"

#include <mpad/core/philox.h>

#include <cmath>
#include <cstring>

namespace mpad::kernels {
namespace {

template <class T>
void fill_as(const View& y, T value) {
  T* out = y.as<T>();
  parallel_for(y.numel(), kElementGrain, [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) out[i] = value;
  });
}

}  // namespace

template <>
void zero(Cpu, View y) {
  auto* bytes = static_cast<char*>(y.data);
  const auto size = y.numel() * static_cast<std::int64_t>(size_of(y.dtype));
  parallel_for(size, 1 << 16, [=](std::int64_t begin, std::int64_t end) {
    std::memset(bytes + begin, 0, static_cast<std::size_t>(end - begin));
  });
}

template <>
void fill(Cpu, View y, double value) {
  if (is_real(y.dtype))
    with_type(y.dtype, [&]<class T>() { fill_as(y, round_to<T>(value)); });
  else if (y.dtype == DType::i32)
    fill_as(y, static_cast<std::int32_t>(value));
  else
    with_mask_type(y.dtype, [&]<class T>() { fill_as(y, static_cast<T>(value)); });
}

template <>
void cast(Cpu, View x, View y) {
  with_type(x.dtype, [&]<class From>() {
    with_type(y.dtype, [&]<class To>() {
      const From* in = x.as<const From>();
      To* out = y.as<To>();
      for_each_block<From>(x.numel(), [=](std::int64_t begin, std::int64_t size) {
        Block<const From> from(in + begin, size);
        Block<To> to(out + begin, size);
        const auto* a = from.load();
        auto* b = to.data();
        MPAD_LANES
        for (std::int64_t i = 0; i < size; ++i) b[i] = before_store<To>(a[i]);
        to.store();
      });
    });
  });
}

template <>
void fill_uniform(Cpu, View y, double low, double high, std::uint64_t seed, std::uint64_t stream) {
  with_type(y.dtype, [&]<class T>() {
    T* out = y.as<T>();
    parallel_for(y.numel(), 1 << 12, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const Philox random(seed, static_cast<std::uint64_t>(i), stream);
        out[i] = round_to<T>(low + (high - low) * uniform_double(random.word[0], random.word[1]));
      }
    });
  });
}

template <>
void fill_normal(Cpu, View y, double mean, double deviation, std::uint64_t seed, std::uint64_t stream) {
  constexpr double kTwoPi = 6.283185307179586;
  with_type(y.dtype, [&]<class T>() {
    T* out = y.as<T>();
    parallel_for(y.numel(), 1 << 12, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const Philox random(seed, static_cast<std::uint64_t>(i), stream);
        // 1 - u lies in (0, 1], so the logarithm is finite.
        const double radius = std::sqrt(-2 * std::log(1 - uniform_double(random.word[0], random.word[1])));
        const double angle = kTwoPi * uniform_double(random.word[2], random.word[3]);
        out[i] = round_to<T>(mean + deviation * radius * std::cos(angle));
      }
    });
  });
}

}  // namespace mpad::kernels
