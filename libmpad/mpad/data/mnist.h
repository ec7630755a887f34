// SPDX-License-Identifier: MIT
// MNIST and the sets in its format, under its file names: plain or .gz, in `directory` or its subdirectory of the set's
// name. Images are 28x28x1, mean and deviation 0.5. Each function throws Error, naming the file, if one is missing or
// damaged or if images and labels differ in number.
#pragma once
#include <mpad/data/dataset.h>

#include <string>

namespace mpad {

/// Handwritten digits: subdirectory mnist.
Split load_mnist(const std::string& directory);
/// Whether there is the first of the files that load_mnist reads.
bool has_mnist(const std::string& directory);
/// Pictures of clothes: subdirectory fashion-mnist.
Split load_fashion_mnist(const std::string& directory);
/// Cursive Japanese characters: subdirectory kmnist.
Split load_kmnist(const std::string& directory);

}  // namespace mpad
