// SPDX-License-Identifier: MIT
#include <mpad/core/device.h>
#include <mpad/train/machine.h>

#include <cuda/runtime.h>
#include <fmt/format.h>
#include <sys/utsname.h>

#include <fstream>
#include <thread>

namespace mpad {
namespace {

std::string cpu_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown";
}

std::string system_name() {
  utsname names{};
  if (::uname(&names) != 0) return "unknown";
  return std::string(names.sysname) + " " + names.release + " " + names.machine;
}

std::string compiler_name() {
#ifdef __clang__
  return __VERSION__;
#else
  return std::string("GCC ") + __VERSION__;
#endif
}

}  // namespace

Machine this_machine() {
  return {.cpu = cpu_name(),
          .isa = isa_name(),
          .compiler = compiler_name(),
          .system = system_name(),
          .cores = static_cast<int>(std::thread::hardware_concurrency())};
}

Gpu this_gpu() {
  const cuda::DeviceInfo info = cuda::device_info();
  return {.name = info.name,
          .compute_capability = fmt::format("{}.{}", info.major, info.minor),
          .driver = fmt::format("{}.{}", info.driver / 1000, info.driver % 1000 / 10),
          .memory = info.memory};
}

}  // namespace mpad
