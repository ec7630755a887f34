// SPDX-License-Identifier: MIT
#include <mpad/core/types.h>

namespace mpad {

void detail::fail_dtype(const char* what, const char* expected, DType got) {
  throw Error(std::string(what) + ": expected " + expected + ", got " + to_string(got));
}

void detail::fail_axis(int axis, int rank) {
  throw Error("shape: expected an axis below the rank " + std::to_string(rank) + ", got " + std::to_string(axis));
}

void detail::fail_view(DType expected, DType got) { fail_dtype("view", to_string(expected).c_str(), got); }

}  // namespace mpad
