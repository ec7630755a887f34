// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/data/dataset.h>

#include <cstdint>

namespace mpad {

/// Divides a training set, whose images are on the CPU or read from files: `test` gets `count` images, drawn from
/// `seed` without replacement, to choose settings by, and `train` the others. Both keep the order. Throws Error unless
/// each part gets an image or more.
Split hold_out(const Dataset& train, std::int64_t count, std::uint64_t seed);

}  // namespace mpad
