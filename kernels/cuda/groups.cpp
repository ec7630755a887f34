// SPDX-License-Identifier: MIT
#include "groups.h"

#include "runtime.h"

#include <atomic>
#include <cstdlib>
#include <string_view>

namespace mpad::cuda {
namespace {

std::atomic<bool>& asked() {
  static std::atomic<bool> by_environment = [] {
    const char* value = std::getenv("MPAD_WGMMA");
    return value != nullptr && std::string_view(value) == "1";
  }();
  return by_environment;
}

// The device that was asked first answers for all.
bool is_there() {
#if defined(MPAD_EMULATED)
  return true;
#elif defined(MPAD_SM90A)
  const DeviceInfo device = device_info();
  return device.major == 9 && device.minor == 0;
#else
  return false;
#endif
}

}  // namespace

bool has_groups() {
  static const bool there = is_there();
  return there;
}

bool ask_for_groups(bool ask) { return asked().exchange(ask); }

bool multiplies_by_groups() { return asked() && has_groups(); }

}  // namespace mpad::cuda
