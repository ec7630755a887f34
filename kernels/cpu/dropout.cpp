// SPDX-License-Identifier: MIT
#include "elementwise.h"

#include <mpad/core/dropping.h>
#include <mpad/core/philox.h>

namespace mpad::kernels {
namespace {

/// The words of elements [begin, begin + size), where 4 divides begin; whole blocks of four words are written.
void draw(std::uint64_t seed, std::uint64_t stream, std::int64_t begin, std::int64_t size, std::uint32_t* word) {
  static_assert(kBlock % 4 == 0);
  for (std::int64_t i = 0; i < size; i += 4) {
    const Philox random(seed, static_cast<std::uint64_t>(begin + i) / 4, stream);
    for (int j = 0; j < 4; ++j) word[i + j] = random.word[j];
  }
}

}  // namespace

template <>
void dropout(Cpu, double p, const RandomStream& words, View x, View y) {
  const auto* key = words.key.data ? words.key.as<const std::uint64_t>() : nullptr;
  const std::uint64_t seed = key ? key[0] : words.seed;
  const std::uint64_t stream = key ? child_stream(seed, key[1], words.child) : words.stream;
  with_type(x.dtype, [&]<class T>() {
    const Dropping<acc_t<T>> dropping(p);
    const T* in = x.as<const T>();
    T* out = y.as<T>();
    for_each_block(x.numel(), [=](std::int64_t begin, std::int64_t size) {
      const Dropping<acc_t<T>> drop = dropping;  // of this function, which stores do not change
      std::uint32_t word[kBlock];
      draw(seed, stream, begin, size, word);
      Block<const T> from(in + begin, size);
      Block<T> to(out + begin, size);
      const acc_t<T>* a = from.load();
      acc_t<T>* b = to.data();
      MPAD_LANES
      for (std::int64_t i = 0; i < size; ++i) b[i] = drop(a[i], word[i]);
      to.store();
    });
  });
}

}  // namespace mpad::kernels
