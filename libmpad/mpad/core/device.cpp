// SPDX-License-Identifier: MIT
#include <mpad/core/device.h>
#include <mpad/core/error.h>

#include <backends_built.h>

#include <cstdlib>
#include <string_view>
#include <utility>

namespace mpad {
namespace {

thread_local Cuda current;

Isa best_isa() {
#ifdef MPAD_ISA_LEVELS
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
                      __builtin_cpu_supports("avx512cd");
  if (avx512) return Isa::avx512;
  if (avx2) return Isa::avx2;
#endif
  return Isa::portable;
}

Isa chosen_isa() {
  const Isa best = best_isa();
  const char* wish = std::getenv("MPAD_ISA");
  if (wish == nullptr) return best;
  for (Isa isa : {Isa::portable, Isa::avx2, Isa::avx512}) {
    if (std::string_view(wish) != to_string(isa)) continue;
    if (isa > best) throw Error(std::string("MPAD_ISA: expected at most ") + to_string(best) + " here, got " + wish);
    return isa;
  }
  throw Error(std::string("MPAD_ISA: expected portable, avx2 or avx512, got ") + wish);
}

}  // namespace

Cuda current_cuda() { return current; }
CudaScope::CudaScope(Cuda where) : outer_(std::exchange(current, where)) {}
CudaScope::~CudaScope() { current = outer_; }

Isa current_isa() {
  static const Isa isa = chosen_isa();
  return isa;
}

std::string isa_name() {
#ifdef MPAD_NATIVE
  return "native";
#else
  return to_string(current_isa());
#endif
}

}  // namespace mpad
