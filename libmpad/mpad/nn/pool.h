// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/nn/module.h>
#include <mpad/ops.h>

#include <memory>

namespace mpad {

/// What a network's pools compute of each window: the maximum, the mean or the Euclidean norm.
enum class PoolKind : unsigned char { max, average, norm };

inline const char* to_string(PoolKind kind) {
  constexpr const char* names[] = {"max", "average", "norm"};
  return names[static_cast<int>(kind)];
}

/// A MaxPool2d, AvgPool2d (which counts padding) or NormPool2d with the window, stride and pad of `options`; what else
/// they say is the maximum's, and `at_zero` the norm's. Throws Error if an average or a norm is asked for dilation or
/// ceil_mode.
std::unique_ptr<Module> make_pool(PoolKind kind, const MaxPool2dOptions& options = {}, double at_zero = 0);

}  // namespace mpad
