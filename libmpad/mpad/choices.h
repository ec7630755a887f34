// SPDX-License-Identifier: MIT
// What backpropagation is free to choose, as one value: the study compares gradients that differ in nothing else.
#pragma once
#include <mpad/core/jacobian.h>

#include <cstdint>
#include <optional>

namespace mpad {

/// What a backward pass does in place of what the operations of its tape were called with; empty: what they say.
struct Choices {
  std::optional<TieRule> ties{};         ///< of max pools, whatever their backward: its weight, rounded once
  std::optional<double> relu0{};         ///< ReLU'(0), wherever there is a ReLU
  std::optional<double> norm_at_zero{};  ///< of norm pools: the derivative where a window is 0
  /// Gradients of weights and biases of conv2d and linear are summed over the images in an order drawn from this seed:
  /// the noise that systems with atomic additions have.
  std::optional<std::uint64_t> summation_order{};
};

}  // namespace mpad
