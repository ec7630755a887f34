// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/data/dataset.h>

#include <cstdint>

namespace mpad {

/// Drawn digits, 28x28x1: pen strokes of several hands, bent, rotated, scaled, sheared, shifted, of varying width, ink
/// and noise. Image i has label i % 10 and depends on (seed, part, i) only, to the bit, on every machine: it is made
/// with additions, products, quotients and square roots alone. Throws Error unless both counts are 1 or more.
Split synthetic_digits(std::int64_t train, std::int64_t test, std::uint64_t seed);

/// The same digits in colour, 32x32x3: light ink on dark paper or dark ink on light, of random colours, the paper
/// striped. Neither brightness nor colour tells the class.
Split synthetic_colours(std::int64_t train, std::int64_t test, std::uint64_t seed);

}  // namespace mpad
