// SPDX-License-Identifier: MIT
#pragma once
#include <vector_types.h>

#include <cstddef>
#include <functional>
#include <string>

namespace mpad::emulation {

/// How a kernel is launched.
struct Shape {
  dim3 grid, block;
  std::size_t shared_bytes = 0;  // dynamic
  unsigned cluster = 1;          // blocks in a row along z that run at once
  bool overlaps = false;         // the kernel waits itself for those before it
};

/// A kernel with its arguments and configuration.
struct Launch {
  const void* kernel = nullptr;  // its address
  Shape shape;
  std::function<void()> body;     // calls it, for one thread
  std::size_t shared_in_all = 0;  // bytes that a block may have, static and dynamic
};

/// What is wrong with a launch configuration, empty if nothing. `dynamic_limit`: bytes the kernel opted in to.
std::string check_configuration(const Launch& launch, std::size_t dynamic_limit);

/// Runs all blocks on the OS threads; returns the diagnosis of the first block (in order of running) that failed.
std::string run_grid(const Launch& launch);

}  // namespace mpad::emulation
