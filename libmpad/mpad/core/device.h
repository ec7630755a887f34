// SPDX-License-Identifier: MIT
// Where a tensor lives and a kernel runs.
#pragma once
#include <string>

namespace mpad {

/// Run-time device of a tensor.
enum class Device : unsigned char { cpu, cuda };

inline std::string to_string(Device device) { return device == Device::cpu ? "cpu" : "cuda"; }

/// Instruction sets the CPU kernels are compiled for; each machine runs the best one it has. Products and convolutions
/// give the same bits where fused multiply-add exists (avx2 and up), and to rounding elsewhere; all else gives the same
/// bits in all.
enum class Isa : unsigned char { portable, avx2, avx512 };

inline const char* to_string(Isa isa) {
  constexpr const char* names[] = {"portable", "avx2", "avx512"};
  return names[static_cast<int>(isa)];
}

/// The instruction set in use: the best this machine runs, or the one named by $MPAD_ISA if it runs that.
Isa current_isa();
/// Its name, or "native" in a build whose kernels are compiled for the machine that built them (MPAD_NATIVE).
std::string isa_name();

/// First argument of a kernel: run on the CPU, with this instruction set.
template <Isa isa>
struct CpuWith {};

/// First argument of a kernel: run on a CUDA stream (a cudaStream_t; null is the default stream).
struct Cuda {
  void* stream = nullptr;
};

/// Where this thread's CUDA work goes: the default stream, unless a CudaScope is alive.
Cuda current_cuda();

/// Sends this thread's CUDA work to a stream while it is alive. Scopes nest.
class CudaScope {
 public:
  explicit CudaScope(Cuda where);
  ~CudaScope();
  CudaScope(const CudaScope&) = delete;
  CudaScope& operator=(const CudaScope&) = delete;

 private:
  Cuda outer_;
};

}  // namespace mpad
