// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/core/device.h>

#include <backends_built.h>

namespace mpad::test {

/// Calls f(CpuWith<...>{}) for each instruction set that the machine runs (and $MPAD_ISA allows).
template <class F>
void on_each_isa(F&& f) {
  f(CpuWith<Isa::portable>{});
#ifdef MPAD_ISA_LEVELS
  if (current_isa() >= Isa::avx2) f(CpuWith<Isa::avx2>{});
  if (current_isa() >= Isa::avx512) f(CpuWith<Isa::avx512>{});
#endif
}

}  // namespace mpad::test
