// SPDX-License-Identifier: MIT
// ReLU and the pool behind it, as the networks use them.
#pragma once
#include <mpad/nn/layers.h>

#include <memory>

namespace mpad {

/// These options with a 2x2 window, stride 2, no padding, and the given rule for ties.
MaxPool2dOptions halving_pool(MaxPool2dOptions options, const TieRule& ties);

/// ReLU with derivative `relu0` at 0, then the pool: in one pass where that gives the same bits.
std::unique_ptr<Module> relu_pool(double relu0, const MaxPool2dOptions& pool);

/// Appends relu_pool(...) and an Identity, so that what follows is named as behind two layers.
void append_relu_pool(Sequential& layers, double relu0, const MaxPool2dOptions& pool);

}  // namespace mpad
