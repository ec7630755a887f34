// SPDX-License-Identifier: MIT
#pragma once
#include <cstdint>
#include <string>

namespace mpad {

/// What a result was computed with and on.
struct Machine {
  std::string cpu, isa, compiler, system;
  int cores = 0;
};

/// The CUDA device in use.
struct Gpu {
  std::string name, compute_capability;  ///< "9.0"
  std::string driver;                    ///< highest CUDA version that it serves, "13.0"
  std::uint64_t memory = 0;              ///< bytes
};

/// This process's machine; "unknown" for what the system does not tell.
Machine this_machine();

/// Throws Error if there is none.
Gpu this_gpu();

}  // namespace mpad
