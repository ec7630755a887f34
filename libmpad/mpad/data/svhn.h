// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/data/dataset.h>

#include <string>

namespace mpad {

/// Reads a file of cropped digits of SVHN (Netzer et al., "Reading digits in natural images", 2011): images X of
/// 32x32x3 and labels y, where 10 means the digit 0. Mean and deviation 0.5. Throws Error, naming the file, if it is
/// damaged or holds anything else.
Dataset read_svhn(const std::string& path);

/// train_32x32.mat and test_32x32.mat from `directory` or its subdirectory svhn.
Split load_svhn(const std::string& directory);

}  // namespace mpad
