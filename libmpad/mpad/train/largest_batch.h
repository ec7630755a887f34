// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/data/dataset.h>
#include <mpad/nn/module.h>

#include <cstdint>

namespace mpad {

/// The largest number of images, below `too_many`, whose forward and backward fit the memory of the data set's device;
/// 0 if not even one does. Found by trying; parameters and buffers stay as they are, gradients are dropped.
std::int64_t largest_batch(Module& model, const Dataset& dataset, std::int64_t too_many);

}  // namespace mpad
