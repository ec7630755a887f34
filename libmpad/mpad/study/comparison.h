// SPDX-License-Identifier: MIT
// How the gradients that two programs compute of one loss differ, and why.
#pragma once
#include <mpad/nn/module.h>

#include <string_view>
#include <vector>

namespace mpad {

/// The gradients of a network's parameters, under their paths; a tensor is empty where the loss does not depend on it.
struct ProgramGradients {
  std::vector<NamedTensor> computed{};  ///< in the network's precision
  /// In double, from the active sets (tie masks, signs of ReLU) and activations that the same forward recorded.
  std::vector<NamedTensor> replayed{};
};

/// Where a pair of weights and mini-batch is, for two programs.
enum class Zone : unsigned char {
  none,          ///< backpropagation is right
  compensation,  ///< the programs differ in floating-point numbers, and not over the reals
  bifurcation,   ///< they differ over the reals
  nonfinite,     ///< what the forward saved is not finite, and the replay tells nothing
};
const char* to_string(Zone zone);
/// The zone with this name. Throws Error if there is none.
Zone parse_zone(std::string_view name);

/// The norm of a tensor in D.
enum class VectorNorm : unsigned char { infinity, one };
const char* to_string(VectorNorm norm);

/// Largest residue that rounding may have left of equal gradients: the square root of double's epsilon. A replay rounds
/// every term by 2^-53 of itself; what cancels over the reals left less than 2^-46 of the gradient where it was
/// measured. So a larger residue shows a real difference. One that is no larger shows nothing: where the tied windows
/// of a mini-batch belong to images that a trained network is sure of, their gradients may be as small. Then exact
/// arithmetic decides (RecordedLoss::differ).
inline constexpr double largest_rounding_residue = 0x1p-26;

struct Comparison {
  /// D: the norm of the difference of computed gradients, tensor by tensor, summed in double. Elements that are equal,
  /// or both NaN, add 0; where one of two different ones is not finite, D is infinite.
  double difference = 0;
  /// What is left of it in the replay: the largest element of the difference over the largest gradient of the layer
  /// (its weight's and bias's: that of a bias alone may cancel to nothing, as before a normalisation); the largest of
  /// all layers. NaN if the replay is not finite.
  double residue = 0;
  /// Bifurcation where the programs differ over the reals, also if what is computed is too coarse to show a difference;
  /// else compensation if D is above 0.
  Zone zone = Zone::none;
};

/// Compares gradients of the same parameters, in the same order. They tell no more than that residues up to
/// largest_rounding_residue may be rounding, and that is what the zone says of them.
Comparison compare(const ProgramGradients& first, const ProgramGradients& second, VectorNorm norm);

}  // namespace mpad
