// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/data/dataset.h>
#include <mpad/train/settings.h>

#include <vector>

namespace mpad {

/// What a result depends on of the data: names, augmentation, shape, numbers and checksums of images, in a
/// fixed order.
std::vector<NamedValue> named_values(const Split& data);

}  // namespace mpad
