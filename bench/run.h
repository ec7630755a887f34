// SPDX-License-Identifier: MIT
// What benchmarks that take --device share: their operands and their main function.
#pragma once
#include "timing.h"

#include <mpad/core/dispatch.h>

#include <kernels.h>

#include <cstdio>

namespace mpad::bench {

/// Uniform in [-1, 1): products of zeros run faster than others.
inline Tensor random_tensor(const Shape& shape, DType dtype, Device device) {
  const Tensor tensor(shape, dtype);
  on(Device::cpu, [&](auto where) { kernels::fill_uniform(where, tensor.view(), -1, 1, 1, 0); });
  return tensor.to(device);
}

/// Runs what add_all(device) registers, as the command line says. Returns 0, or 2 after a line on standard error if
/// that is wrong.
template <class AddAll>
int run_benchmarks(const char* name, int argc, char** argv, const AddAll& add_all) try {
  const Device device = take_device(argc, argv);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  add_all(device);
  benchmark::AddCustomContext("mpad_device", device == Device::cuda ? cuda::device_info().name : "cpu");
  benchmark::AddCustomContext("mpad_threads", std::to_string(num_threads()));
  benchmark::AddCustomContext("mpad_isa", to_string(current_isa()));
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
} catch (const Error& error) {
  std::fprintf(stderr, "%s: %s\n", name, error.what());
  return 2;
}

}  // namespace mpad::bench
