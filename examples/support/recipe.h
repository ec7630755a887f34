// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/train/trainer.h>

#include <functional>
#include <string>
#include <vector>

namespace mpad {

/// A data set that a program can train on.
struct DataSource {
  std::string name;
  bool on_disk = true;  ///< or else made by `load`
  std::function<Split(const std::string& directory)> load{};
};

/// Learning rates where the command line names none.
struct DefaultRates {
  double sgd16, sgd, adam;  ///< SGD in 16 bits, in 32 and 64, and Adam
};

/// What one training program is beside what all have in common.
struct Recipe {
  std::string name, about;
  /// The default is the first if its files are there, else the last, which needs none.
  std::vector<DataSource> datasets;
  ModelFactory model;
  DefaultRates lr;
};

}  // namespace mpad
