// SPDX-License-Identifier: MIT
#pragma once
#include <string>

namespace mpad {

/// What a result was computed with and on.
struct Machine {
  std::string cpu, isa, compiler, system;
  int cores = 0;
};

/// This process's machine; "unknown" for what the system does not tell.
Machine this_machine();

}  // namespace mpad
