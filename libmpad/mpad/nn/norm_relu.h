// SPDX-License-Identifier: MIT
// What is behind a convolution, or before it.
#pragma once
#include <mpad/nn/layers.h>

#include <memory>

namespace mpad {

/// Batch normalisation and ReLU (in one pass), or ReLU alone.
std::unique_ptr<Module> norm_relu(std::int64_t channels, bool batch_norm, double relu0);

/// Batch normalisation, or the identity.
std::unique_ptr<Module> norm(std::int64_t channels, bool batch_norm);

}  // namespace mpad
