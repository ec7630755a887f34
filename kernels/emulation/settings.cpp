// SPDX-License-Identifier: MIT
#include "settings.h"

#include <mpad/core/error.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <thread>

namespace mpad::emulation {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

Order order_from_environment() {
  const std::string name = variable("MPAD_EMULATION_ORDER");
  if (name.empty() || name == "forward") return Order::forward;
  if (name == "reversed") return Order::reversed;
  if (name == "random") return Order::random;
  throw Error("MPAD_EMULATION_ORDER: expected forward, reversed or random, got " + name);
}

cudaError_t device_status_from_environment() {
  const std::string name = variable("MPAD_EMULATION_DEVICE");
  if (name.empty()) return cudaSuccess;
  if (name == "none") return cudaErrorNoDevice;
  if (name == "old-driver") return cudaErrorInsufficientDriver;
  throw Error("MPAD_EMULATION_DEVICE: expected none or old-driver, got " + name);
}

Settings from_environment() {
  Settings settings;
  settings.order = order_from_environment();
  const std::string workers = variable("MPAD_EMULATION_WORKERS");
  settings.workers = workers.empty() ? std::max(1U, std::thread::hardware_concurrency())
                                     : static_cast<unsigned>(std::max(1, std::atoi(workers.c_str())));
  settings.deferred_streams = variable("MPAD_EMULATION_DEFERRED") == "1";
  settings.device_status = device_status_from_environment();
  return settings;
}

}  // namespace

Settings& settings() {
  static Settings current = from_environment();
  return current;
}

}  // namespace mpad::emulation
