// SPDX-License-Identifier: MIT
#pragma once
#include <cstring>
#include <string>

namespace mpad::emulation {

/// Of texts that are mostly the same literal.
inline bool same_text(const char* a, const char* b) { return a == b || std::strcmp(a, b) == 0; }

/// A line of a kernel. (std::source_location is not in clang 14.)
struct Location {
  const char* file = "";
  unsigned line = 0;

  /// As a default argument: the line of the caller.
  static constexpr Location current(const char* file = __builtin_FILE(), unsigned line = __builtin_LINE()) {
    return {file, line};
  }
  bool operator==(const Location& other) const { return line == other.line && same_text(file, other.file); }
};

/// "maxpool.cu:42", without folders.
inline std::string to_string(const Location& where) {
  const std::string file = where.file;
  return file.substr(file.rfind('/') + 1) + ":" + std::to_string(where.line);
}

}  // namespace mpad::emulation
