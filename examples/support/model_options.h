// SPDX-License-Identifier: MIT
#pragma once
#include "command_line.h"
#include "recipe.h"

#include <string>
#include <vector>

namespace mpad {

/// 16, 32, 64 or mixed. Throws Error, naming the option, on anything else.
Precision parse_precision(const std::string& option, const std::string& text);

/// --pool-test-forward and --accumulate.
void add_pool_details(CommandLine& line, Settings& settings);

/// How a network's max pools are computed: --pool-forward, --pool-backward and the details.
void add_pool_options(CommandLine& line, Settings& settings);

/// The network and its nonsmooth choices, from --depth to --weights, as its trainer takes them.
class ModelOptions {
 public:
  void add(CommandLine& line, const Recipe& recipe, Settings& settings);
  /// Throws Error on a value that is out of range.
  void finish(const Recipe& recipe, Settings& settings);

  Architecture architecture{};  ///< but for what the data decides

 private:
  void add_architecture(CommandLine& line, const Recipe& recipe);

  std::string bits_ = "32", ties_ = "native";
};

}  // namespace mpad
