// SPDX-License-Identifier: MIT
#pragma once
#include <stdexcept>

namespace mpad {

/// The one exception type of the library. Messages read "op: expected ..., got ...".
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace mpad
