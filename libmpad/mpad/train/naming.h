// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/core/check.h>

#include <string>

namespace mpad {

/// Calls f, and puts `source` before the message of an Error that it throws.
template <class F>
decltype(auto) naming(const std::string& source, F&& f) {
  try {
    return f();
  } catch (const Error& error) {
    fail("{}: {}", source, error.what());
  }
}

}  // namespace mpad
