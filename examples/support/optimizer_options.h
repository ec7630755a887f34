// SPDX-License-Identifier: MIT
#pragma once
#include "command_line.h"
#include "recipe.h"

#include <optional>
#include <string>

namespace mpad {

/// The learning rate that a recipe has for these settings.
double default_rate(const Settings& settings, const Recipe& recipe);

/// Options for what a step is and how many there are, from --momentum to --batch-size.
void add_training_options(CommandLine& line, Settings& settings);

/// How a trainer learns: --optimizer, --lr and the training options.
class OptimizerOptions {
 public:
  void add(CommandLine& line, const Recipe& recipe, Settings& settings);
  /// What a program takes whose network is an option too.
  void add(CommandLine& line, Settings& settings);
  /// Takes the recipe's learning rate where the command line names none; precision and normalisation are set.
  void finish(const Recipe& recipe, Settings& settings) const;

 private:
  void add_with(CommandLine& line, const std::string& default_rates, Settings& settings);

  std::optional<double> lr_{};
};

}  // namespace mpad
