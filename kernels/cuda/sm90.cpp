// SPDX-License-Identifier: MIT
#include "sm90.h"

#include "runtime.h"

#include <mpad/core/error.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <string>
#include <string_view>

namespace mpad::cuda {
namespace {

constexpr std::array<std::string_view, 4> names = {"groups", "tma", "clusters", "overlap"};  // as in Sm90

/// What was asked for, at first by $MPAD_SM90.
struct Asked {
  Asked() {
    const char* value = std::getenv("MPAD_SM90");
    std::string_view rest = value == nullptr ? "" : value;
    while (!rest.empty()) {
      const std::size_t end = rest.find(',');
      ask_for(rest.substr(0, end));
      rest = end == rest.npos ? "" : rest.substr(end + 1);
    }
  }
  void ask_for(std::string_view name) {
    bool known = false;
    for (std::size_t i = 0; i < names.size(); ++i)
      if (name == names[i] || name == "all") of[i] = known = true;
    if (!known)
      throw Error("MPAD_SM90: expected all or some of groups,tma,clusters,overlap, got '" + std::string(name) + "'");
  }

  std::array<std::atomic<bool>, names.size()> of{};
};

std::atomic<bool>& asked(Sm90 what) {
  static Asked asked;
  return asked.of[static_cast<std::size_t>(what)];
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

bool has_sm90a() {
  static const bool there = is_there();
  return there;
}

bool uses(Sm90 what) { return asked(what) && has_sm90a(); }

bool ask_for(Sm90 what, bool ask) { return asked(what).exchange(ask); }

}  // namespace mpad::cuda
