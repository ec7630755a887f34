// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/data/dataset.h>
#include <mpad/nn/module.h>

#include <cstdint>
#include <functional>

namespace mpad {

/// What training does with the first of a pass's mini-batches, and holds until then; throws OutOfMemory.
using TryBatch = std::function<void(const Batches&)>;

/// The largest number of images, below `too_many`, with which try_batch finds enough memory on the data set's device,
/// taking for granted that fewer would fit then; 0 if not even one image does. Parameters and buffers of the model stay
/// as they are, gradients are dropped.
std::int64_t largest_batch(Module& model, const Dataset& dataset, std::int64_t too_many, const TryBatch& try_batch);

}  // namespace mpad
