// SPDX-License-Identifier: MIT
#include "elementwise.cuh"

#include <mpad/core/dropping.h>
#include <mpad/core/philox.h>

#include <kernels.h>

namespace mpad::kernels {
namespace {

/// Elements that one thread computes at a time: whole blocks of four words.
template <class T>
inline constexpr int kGroup = std::max(4, full_pack<T>);

template <class T, int size>
__device__ inline void drop(const Dropping<acc_t<T>>& dropping, const std::uint32_t* word, const T* x, T* y) {
  Pack<T, size> pack = load<size>(x);
  for (int i = 0; i < size; ++i) pack.element[i] = narrow<T>(dropping(widen(pack.element[i]), word[i]));
  store<size>(y, pack);
}

/// RandomStream on the device.
struct Words {
  explicit Words(const RandomStream& s)
      : seed(s.seed), stream(s.stream), child(s.child), key(s.key.data ? s.key.as<const std::uint64_t>() : nullptr) {}
  std::uint64_t seed, stream, child;
  const std::uint64_t* key;
};

/// A block's stream. One thread derives that of a key's child: it takes as long as the words of four elements.
__device__ inline std::uint64_t stream_of(const Words& words, std::uint64_t seed) {
  if (words.key == nullptr) return words.stream;
  MPAD_SHARED(std::uint64_t, stream, [1]);
  if (threadIdx.x == 0) stream[0] = child_stream(seed, words.key[1], words.child);
  __syncthreads();
  return stream[0];
}

template <class T, int size>
__global__ void __launch_bounds__(kElementThreads)
    dropout_kernel(std::int64_t count, Dropping<acc_t<T>> dropping, Words words, const T* x, T* y) {
  follow_kernels_before();
  const std::uint64_t seed = words.key == nullptr ? words.seed : words.key[0], stream = stream_of(words, seed);
  constexpr int group = kGroup<T>;
  const std::int64_t stride = std::int64_t{gridDim.x} * kElementThreads * group;
  const std::int64_t first = (std::int64_t{blockIdx.x} * kElementThreads + threadIdx.x) * group;
  for (std::int64_t at = first; at < count; at += stride) {
    std::uint32_t word[group];
    for (int i = 0; i < group; i += 4) {
      const Philox random(seed, static_cast<std::uint64_t>(at + i) / 4, stream);
      for (int j = 0; j < 4; ++j) word[i + j] = random.word[j];
    }
    // Unrolled, so that words are registers.
#pragma unroll
    for (int i = 0; i < group; i += size) {
      if (at + i + size <= count) {
        drop<T, size>(dropping, word + i, x + at + i, y + at + i);
      } else {
#pragma unroll
        for (int j = 0; j < size; ++j)
          if (at + i + j < count) drop<T, 1>(dropping, word + i + j, x + at + i + j, y + at + i + j);
      }
    }
  }
}

}  // namespace

template <>
void dropout(Cuda where, double p, const RandomStream& words, View x, View y) {
  with_type(x.dtype, [&]<class T>() {
    const auto run = [&]<int size>() {
      launch("dropout", dropout_kernel<T, size>, element_blocks(ceil_div<std::int64_t>(x.numel(), kGroup<T>)),
             kElementThreads, 0, static_cast<cudaStream_t>(where.stream), x.numel(), Dropping<acc_t<T>>(p),
             Words(words), x.as<const T>(), y.as<T>());
    };
    if (is_aligned<full_pack<T>>(x.as<const T>()) && is_aligned<full_pack<T>>(y.as<T>()))
      run.template operator()<full_pack<T>>();
    else
      run.template operator()<1>();
  });
}

}  // namespace mpad::kernels
