// SPDX-License-Identifier: MIT
// What benchmarks that take --device share: how they are registered, and their main function.
#pragma once
#include "timing.h"

#include <cstdio>

namespace mpad::bench {

/// Registers body(state) under a name, in microseconds of the time that it sets. On CUDA, where a round is many calls,
/// it runs least_rounds.
inline void add(Device device, const std::string& name, auto body) {
  auto* const one = benchmark::RegisterBenchmark(name.c_str(), body)->UseManualTime()->Unit(benchmark::kMicrosecond);
  device == Device::cuda ? one->Iterations(least_rounds) : one->MinTime(0.1);
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
  benchmark::AddCustomContext("mpad_isa", isa_name());
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
} catch (const Error& error) {
  std::fprintf(stderr, "%s: %s\n", name, error.what());
  return 2;
}

}  // namespace mpad::bench
