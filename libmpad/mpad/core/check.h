// SPDX-License-Identifier: MIT
// Checks with formatted messages, for host sources (nvcc does not read fmt, so kernels do not include this).
#pragma once
#include <mpad/core/error.h>
#include <mpad/core/types.h>

#include <fmt/format.h>

namespace mpad {

/// Throws Error with the formatted message.
template <class... Args>
[[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) {
  throw Error(fmt::format(format, std::forward<Args>(args)...));
}

/// Throws Error with the formatted message unless `condition` holds. Arguments are formatted only then, but evaluated
/// in any case: they have to be valid where the condition holds too.
template <class... Args>
void require(bool condition, fmt::format_string<Args...> format, Args&&... args) {
  if (!condition) [[unlikely]]
    fail(format, std::forward<Args>(args)...);
}

}  // namespace mpad

template <>
struct fmt::formatter<mpad::Shape> : fmt::formatter<std::string> {
  auto format(const mpad::Shape& shape, fmt::format_context& context) const {
    return fmt::formatter<std::string>::format(mpad::to_string(shape), context);
  }
};
template <>
struct fmt::formatter<mpad::DType> : fmt::formatter<std::string> {
  auto format(mpad::DType dtype, fmt::format_context& context) const {
    return fmt::formatter<std::string>::format(mpad::to_string(dtype), context);
  }
};
