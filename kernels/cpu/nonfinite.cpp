// SPDX-License-Identifier: MIT
#include "elementwise.h"

#include <atomic>

namespace mpad::kernels {

template <>
void count_nonfinite(Cpu, View x, View count) {
  with_type(x.dtype, [&]<class T>() {
    const T* in = x.as<const T>();
    std::atomic<std::int32_t> total{0};
    for_each_block<T>(x.numel(), [&, in](std::int64_t begin, std::int64_t size) {
      Block<const T> block(in + begin, size);
      const acc_t<T>* value = block.load();
      std::int32_t found = 0;
      MPAD_LANES
      for (std::int64_t i = 0; i < size; ++i) found += value[i] - value[i] == acc_t<T>(0) ? 0 : 1;
      if (found > 0) total += found;  // integers: the same in any order
    });
    *count.as<std::int32_t>() = total;
  });
}

}  // namespace mpad::kernels
