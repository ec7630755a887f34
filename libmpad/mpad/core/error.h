// SPDX-License-Identifier: MIT
#pragma once
#include <stdexcept>

namespace mpad {

/// What the library throws. Messages read "op: expected ..., got ...".
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Thrown where a device has no more memory: says what was asked, in use, cached and free.
class OutOfMemory : public Error {
 public:
  using Error::Error;
};

}  // namespace mpad
