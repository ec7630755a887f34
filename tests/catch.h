// SPDX-License-Identifier: MIT
// Catch2, version 2 or 3.
#pragma once
#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
using Catch::Approx;
#else
#define CATCH_CONFIG_FAST_COMPILE
#include <catch2/catch.hpp>

#include <string>

namespace Catch::Matchers {
/// The name that version 3 gives it.
inline auto ContainsSubstring(const std::string& text) { return Contains(text); }
}  // namespace Catch::Matchers
#endif
