// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/core/device.h>
#include <mpad/core/geometry.h>
#include <mpad/core/types.h>

#include <cstdint>

namespace mpad::test {

/// A rule of a user, for host and device code: more weight the farther back the tied element is in the window.
struct Later {
  double step;
  MPAD_HD double weight(std::uint64_t, int i) const { return 1 + step * i; }
};

/// maxpool_backward with Later compiled in, for float and masks of 16 bits.
void unpool_later(Cuda where, const Sliding& s, const Later& rule, View grad_y, View mask, View grad_x);

}  // namespace mpad::test
