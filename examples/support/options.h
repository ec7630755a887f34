// SPDX-License-Identifier: MIT
#pragma once
#include "recipe.h"

#include <mpad/train/experiment.h>

#include <optional>
#include <string>

namespace mpad {

/// A command line of a training program.
struct Options {
  Settings settings{};             ///< but for the device
  std::optional<Device> device{};  ///< none: CUDA if it can be used, else the CPU
  Architecture architecture{};     ///< but for what the data decides
  DataSource source{};
  std::string data_directory{};
  std::int64_t train_limit = 0, test_limit = 0;  ///< 0: all images
  std::int64_t image_size = 0;                   ///< of images from files
  bool augment = false;
  int workers = 0;
  Output output{};
  int threads = 0;
  bool quiet = false;
};

/// Reads the command line; nothing if it asked for --help or --version, which are printed. Throws Error on anything
/// that is no option or value of the program.
std::optional<Options> parse_options(const Recipe& recipe, int argc, const char* const* argv);

}  // namespace mpad
