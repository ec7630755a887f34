// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/core/exact_memory.h>

#include <cstdlib>
#include <string_view>

namespace mpad {

bool has_exact_memory() {
  static const bool exact = [] {
    const char* mode = std::getenv("MPAD_MEMORY");
    require(mode == nullptr || std::string_view(mode) == "exact" || std::string_view(mode) == "cached",
            "MPAD_MEMORY: expected exact or cached, got {}", mode ? mode : "");
    return mode != nullptr && std::string_view(mode) == "exact";
  }();
  return exact;
}

}  // namespace mpad
