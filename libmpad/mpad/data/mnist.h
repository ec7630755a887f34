// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/data/dataset.h>

#include <string>

namespace mpad {

/// Reads the four files of MNIST (or of a set in its format) under their official names, plain or .gz, from
/// `directory` or its subdirectory mnist: images 28x28x1, mean and deviation 0.5. Throws Error, naming the file, if
/// one is missing or damaged or if images and labels differ in number.
Split load_mnist(const std::string& directory);

}  // namespace mpad
